"""Held-out sentences are asked for types as in training."""

import pytest

from gner_core.config.training import ChooseHeldOut, StageParams, TrainParams
from gner_core.corpora.samples.held_out import held_out
from gner_core.records import Sentence


def stage(recipe: TrainParams, *, external: float | str) -> StageParams:
    sample = {"corpora": ["toy"], "split": "train", "per_corpus": 9, "method": "first", "seed": 1}
    return StageParams.model_validate(
        {
            "from": "backbone",
            "data": sample,
            "train": {**recipe.model_dump(), "external_types": external},
            "choose": ChooseHeldOut(kind="held_out", sentences=2, seed=1, every="epoch"),
        }
    )


@pytest.mark.parametrize(("external", "types"), [(2.0, 3), ("all", 1)])
def test_open_corpora_get_types_that_a_sentence_does_not_hold(
    recipe: TrainParams, external: float | str, types: int
) -> None:
    names = ("city", "drug", "person", "song", "team")
    sentences = [
        Sentence(f"toy/{n}", "toy", ("Ada",), (f"B-{name}",), (name,))
        for n, name in enumerate(names * 2)
    ]
    found = held_out(sentences, stage(recipe, external=external))
    assert len(found) == 2
    for one in found:
        assert one.tags[0] == f"B-{one.types[0]}"
        assert len(set(one.types)) == types
