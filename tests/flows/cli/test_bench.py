"""`gner bench`: generation on the checkpoint that a run published, and training."""

import json
from pathlib import Path

import pytest

from flows.views.bench import training_table
from tests.flows.conftest import Home

FAST = ("--set", "tests.zero-shot.data.per_corpus=2")


def test_ways_of_decoding_stand_beside_each_other(tiny_home: Home) -> None:
    done = tiny_home.gner("bench", "generate", "params/tiny.yaml", *FAST, "--json")
    assert done.code == 0, done.err
    free, guided = json.loads(done.out)
    assert (free["mode"], guided["mode"]) == ("free", "guided")
    assert free["times_free"] == 1.0
    assert all(guided["figures"]["copies"])
    assert guided["figures"]["sentences"] == free["figures"]["sentences"] == 2
    for figure in ("passes_per_word", "tokens_per_word"):
        assert guided["figures"][figure] < free["figures"][figure]
    assert guided["same"] == [sum(free["figures"]["copies"])] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--set", "stages.adaptation.train.seed=99"),
            "no checkpoint is published yet; run the experiment",
        ),
        (("--checkpoint", "params"), "params: no usable tokenizer"),
    ],
)
def test_a_missing_checkpoint_is_one_line(
    tiny_home: Home, arguments: tuple[str, ...], message: str
) -> None:
    done = tiny_home.gner("bench", "generate", "params/tiny.yaml", *FAST, *arguments)
    assert done.code == 2
    (line,) = [line for line in done.err.splitlines() if line.startswith("gner: ")]
    assert message in line


def test_both_sides_of_a_training_stand_beside_each_other(tmp_path: Path, root: Path) -> None:
    options = ("--updates", "1", "--warm-up", "1", "--stage", "finetuning", "--json")
    done = Home(tmp_path, root).gner("bench", "train", "params/tiny.yaml", *options)
    assert done.code == 0, done.err
    sides = json.loads(done.out)
    assert {side: len(rounds) for side, rounds in sides.items()} == {"plain": 1, "gner": 1}
    table = training_table("tiny", "finetuning", sides)
    assert [str(cell) for cell in table.columns[0].cells] == [
        "label tokens / s",
        "padding, these updates",
        f"padding, {sides['gner'][0]['planned_updates']} whole updates",
        "peak memory",
        "model FLOP utilisation",
    ]
    assert not list((tmp_path / "work").glob("bench-*"))
