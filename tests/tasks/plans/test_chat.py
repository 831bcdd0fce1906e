"""Plans of experiments that ask an endpoint: what their keys depend on, and what is refused."""

import shutil
from pathlib import Path

import pytest

from gner_core.config.reading.files import read_experiment
from gner_core.errors import InputError
from tasks.plans.experiment import plan_experiment


def keys(root: Path, *overrides: str) -> tuple[str, str]:
    """Return the keys of the questions of a test and of its scores."""
    file = root / "params" / "examples" / "chat.yaml"
    score = plan_experiment(read_experiment(file, overrides=overrides)).tests["zero-shot"]
    return score.predictions.ref.key, score.ref.key


@pytest.mark.parametrize(
    "change",
    [
        "system.model=other",
        "system.base_url=http://127.0.0.1:8000/v1",
        "system.ask=all",
        "system.temperature=null",
        "system.extra={top_p: 0.5}",
        "tests.zero-shot.data.per_corpus=3",
    ],
)
def test_all_of_the_system_is_in_the_key(root: Path, change: str) -> None:
    assert keys(root) != keys(root, change)


@pytest.mark.parametrize(
    "change",
    [
        "execution.chat.parallel=1",
        "execution.chat.key_variable=MY_KEY",
        "execution.chat.price=null",
        "execution.chat.budget={tokens: 100}",
    ],
)
def test_how_it_is_asked_is_in_no_key(root: Path, change: str) -> None:
    changes = [change] if "price" not in change else ["execution.chat.budget.money=null", change]
    assert keys(root) == keys(root, *changes)


def test_a_template_counts_by_its_content(root: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    shutil.copy(root / "params" / "systems" / "chat" / "each.yaml", own)
    assert keys(root) != keys(root, f"system.template={own}", "system.ask=all")
    first = keys(root, f"system.template={own}")
    moved = shutil.copy(own, tmp_path / "moved.yaml")
    assert first == keys(root, f"system.template={moved}")
    own.write_text(own.read_text().replace("every entity", "all entities"))
    assert first != keys(root, f"system.template={own}")
    with pytest.raises(InputError, match=r"nowhere.yaml: no such file; system.template names it"):
        keys(root, f"system.template={tmp_path}/nowhere.yaml")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("tests.zero-shot.of=backbone", "tests.zero-shot.of: chat answers without a model of ours"),
        ("tests.zero-shot.beside=table-2", "tests.zero-shot.beside: the paper has no numbers"),
        (
            "decode={mode: free, beams: 1, too_long: skip, seed: 1}",
            "decode: means nothing for chat",
        ),
        ("stages.s.data.corpora=[news]", "stages"),
        ("execution.chat.price=null", "budget.money needs price.prompt"),
    ],
)
def test_what_means_nothing_for_an_endpoint_is_refused(root: Path, change: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        keys(root, change)


def test_other_systems_need_a_model(root: Path) -> None:
    tiny = root / "params" / "tiny.yaml"
    with pytest.raises(InputError, match=r"tests.baseline.of: gner needs a model; name a stage"):
        read_experiment(tiny, overrides=["tests.baseline.of=system"])
