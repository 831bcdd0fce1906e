"""The short files of params/examples run as they are, here with a tiny model on few sentences."""

from pathlib import Path

import pytest

from tests.flows.conftest import Home, ran_steps

TINY = ("--set", "backbone=params/models/tiny-t5.yaml", "--set", "report.examples=1")
FEW = ("train.epochs=1", "train.global_batch=4", "train.frozen_layers=0", "data.per_corpus=4")


def few(*stages: str) -> tuple[str, ...]:
    values = [f"stages.{stage}.{value}" for stage in stages for value in FEW]
    return tuple(word for value in values for word in ("--set", value))


def page_of(home: Home, name: str) -> str:
    """The report of the latest run of an experiment; its name goes on with what was set."""
    found = (home.folder / "reports").glob(f"{name}*.html")
    return max(found, key=lambda page: page.stat().st_mtime).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["fine-tune", "test-checkpoint", "two-models", "two-stages"])
def test_an_example_is_short(root: Path, name: str) -> None:
    text = (root / "params" / "examples" / f"{name}.yaml").read_text()
    assert len(text.splitlines()) <= 15


def test_fine_tuning_on_one_corpus(tiny_home: Home) -> None:
    done = tiny_home.gner(
        *("run", "params/examples/fine-tune.yaml", *TINY, *few("mine")),
        *("--set", "tests.held-out.data.per_corpus=2"),
    )
    assert done.code == 0, done.err + done.out
    assert ran_steps(done.out).count("train") == 1
    page = page_of(tiny_home, "fine-tune")
    assert "mean F1; all types were trained on" in page
    assert "Compared with the paper" not in page
    assert "unseen" not in page


def test_a_stored_checkpoint_on_two_corpora(tiny_home: Home) -> None:
    key = min(path.name for path in (tiny_home.folder / "store" / "train").iterdir())
    done = tiny_home.gner(
        *("run", "params/examples/test-checkpoint.yaml"),
        *("--set", f"tests.mine.of={{checkpoint: train/{key}}}"),
        *("--set", "tests.mine.data.per_corpus=2"),
    )
    assert done.code == 0, done.err + done.out
    assert not {"train", "backbone"} & {*ran_steps(done.out)}
    page = page_of(tiny_home, "test-checkpoint")
    assert f"train/{key}" in page
    assert "music" in page and "astronomy" in page
    assert "<h2>Training</h2>" not in page


@pytest.mark.slow
def test_two_stages(tiny_home: Home) -> None:
    done = tiny_home.gner(
        *("run", "params/examples/two-stages.yaml", *TINY, *few("adaptation", "finetuning")),
        *("--set", "tests.zero-shot.data.per_corpus=2"),
        *("--set", "tests.supervised.data.per_corpus=2"),
    )
    assert done.code == 0, done.err + done.out
    assert ran_steps(done.out).count("train") == 2
    page = page_of(tiny_home, "two-stages")
    assert "mean F1; none of the types was trained on" in page
    assert "<td>default</td>" in page


def test_a_file_may_train_without_a_test(tiny_home: Home) -> None:
    done = tiny_home.gner(
        *("run", "params/examples/fine-tune.yaml", *TINY, *few("mine")),
        *("--set", "tests.held-out=null", "--set", "name=train-only"),
    )
    assert done.code == 0, done.err + done.out
    page = page_of(tiny_home, "train-only")
    assert "<h2>Training</h2>" in page
    assert "<h2>Scores per corpus</h2>" not in page
