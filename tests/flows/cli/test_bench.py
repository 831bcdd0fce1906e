"""`gner bench generate` on the checkpoint that a run published."""

import json

import pytest

from tests.flows.conftest import Home

FAST = ("--set", "zero_shot.per_corpus=2")


def test_ways_of_decoding_stand_beside_each_other(tiny_home: Home) -> None:
    done = tiny_home.gner("bench", "generate", "params/tiny.yaml", *FAST, "--json")
    assert done.code == 0, done.err
    free, guided = json.loads(done.out)
    assert (free["mode"], guided["mode"]) == ("free", "guided")
    assert free["times_free"] == 1.0
    assert all(guided["figures"]["copies"])
    assert guided["figures"]["sentences"] == free["figures"]["sentences"] == 2
    assert guided["figures"]["passes_per_word"] < free["figures"]["passes_per_word"]
    assert guided["same"] == [sum(free["figures"]["copies"])] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--set", "adaptation.train.seed=99"),
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
