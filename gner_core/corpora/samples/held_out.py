"""The sentences of a training stage that are not trained on."""

import random
from collections.abc import Sequence
from dataclasses import replace

from gner_core.config.training import Choice, ChooseHeldOut, StageParams
from gner_core.errors import InputError
from gner_core.records import Sentence
from gner_core.systems.gner.prompts import TypePool


def split_off(
    sentences: Sequence[Sentence], choice: Choice
) -> tuple[list[Sentence], list[Sentence]]:
    """Return the sentences to train on and the held-out ones, both in order.

    Raises:
        InputError: when nothing would be left to train on.
    """
    if not isinstance(choice, ChooseHeldOut):
        return list(sentences), []
    if choice.sentences >= len(sentences):
        raise InputError(
            f"choose.sentences: {choice.sentences} held out of {len(sentences)} leave none to train on"
        )
    draw = random.Random(f"held-out/{choice.seed}")
    held_out = set(draw.sample(range(len(sentences)), choice.sentences))
    return (
        [sentence for index, sentence in enumerate(sentences) if index not in held_out],
        [sentence for index, sentence in enumerate(sentences) if index in held_out],
    )


def held_out(sentences: Sequence[Sentence], stage: StageParams) -> list[Sentence]:
    """Return the held-out sentences of a stage with the types of its first epoch.

    In an open corpus, they are asked for types that they do not hold, too, as in training.

    Raises:
        InputError: as `split_off`.
    """
    learned, kept = split_off(sentences, stage.choose)
    rate, seed = stage.train.external_types, stage.train.seed
    if rate == "all":
        return kept
    pool, found = TypePool.of(learned), []
    for one in kept:
        present = tuple(dict.fromkeys(tag[2:] for tag in one.tags if tag != "O"))
        more = pool.external(present, rate=rate, seed=seed, epoch=0, sentence_id=one.id)
        found.append(replace(one, types=present + more))
    return found
