"""Training for text systems: the same sentences and types as for gner, and what is learned."""

from pathlib import Path
from typing import Any

import pytest

from gner_core.backbones.encoder import Encoder
from gner_core.backbones.load import load_tokenizer
from gner_core.backbones.text_encoder import TextEncoder
from gner_core.config.checkpoint import description_of
from gner_core.errors import InputError
from gner_core.records import Sentence
from gner_core.systems.gner.prompts import TypePool
from gner_core.systems.gner.targets import BIO
from gner_core.systems.registry import text_system
from gner_core.training.data.examples import GnerExamples, drawn_types
from gner_core.training.data.texts import TextExamples
from gner_core.training.worker import work
from tests.gner_core.conftest import TinyModel
from tests.gner_core.generation.test_texts import INSTRUCTUIE, UNINER
from tests.gner_core.training.conftest import Ask, journal, silent

EXTERNAL: dict[str, Any] = {"external_types": 1.0}


def test_every_system_gets_the_same_types(
    tiny_llama: TinyModel, news: list[Sentence], ask: Ask
) -> None:
    tokenizer, params = load_tokenizer(tiny_llama.folder), ask(tiny_llama, train=EXTERNAL).train
    gner = GnerExamples(news, Encoder(tokenizer, tiny_llama.backbone, BIO), params)
    encoder = TextEncoder(tokenizer, tiny_llama.backbone)
    texts = TextExamples(news, encoder, text_system(UNINER), params)
    for epoch in range(2):
        for index, sentence in enumerate(news[:6]):
            types = gner.types(epoch, index)
            assert texts.types(epoch, index) == types
            text = tokenizer.decode(_ids(texts, epoch, index))
            assert all(f"describes {name} in the text" in text for name in types)
            assert " ".join(sentence.words[:4]) in text


def test_types_are_shuffled_anew_or_always_in_one_order(
    tiny_llama: TinyModel, news: list[Sentence], ask: Ask
) -> None:
    params = ask(tiny_llama, train=EXTERNAL).train
    drawn = [drawn_types(s, TypePool.of(news), params, epoch=n) for s in news for n in range(2)]
    fixed = params.model_copy(update={"type_order": "alphabetical"})
    same = [drawn_types(s, TypePool.of(news), fixed, epoch=n) for s in news for n in range(2)]
    assert same == [tuple(sorted(types)) for types in drawn]  # the same types in another order
    assert same != drawn


def _ids(texts: TextExamples, epoch: int, index: int) -> list[int]:
    example = texts[(epoch, index)]
    return example.source + example.target


def test_a_sentence_may_have_several_texts_which_differ_by_epoch(
    tiny_llama: TinyModel, news: list[Sentence], ask: Ask
) -> None:
    system = INSTRUCTUIE.model_copy(update={"auxiliary": 0.5})
    encoder = TextEncoder(load_tokenizer(tiny_llama.folder), tiny_llama.backbone)
    params = ask(tiny_llama).train
    texts = TextExamples(news, encoder, text_system(system), params)
    table = texts.lengths()
    assert all(len(news) < len(row) < 3 * len(news) for row in table)
    assert len(table[0]) != len(table[1])
    for epoch, row in enumerate(table):
        assert [texts[(epoch, n)].lengths for n in range(len(row))] == row


@pytest.mark.parametrize("system", [INSTRUCTUIE, UNINER], ids=lambda system: system.kind)
def test_a_text_system_is_trained_and_its_checkpoint_says_so(
    tiny_llama: TinyModel, ask: Ask, tmp_path: Path, system: Any
) -> None:
    request = ask(tiny_llama, train={"learning_rate": 0.01, "epochs": 3})
    result = work(request.model_copy(update={"system": system}), silent)
    losses = [line["loss"] for line in journal(tmp_path)]
    assert losses[-1] < losses[0]
    assert result["summary"]["label_tokens"] < result["summary"]["tokens"] / 3
    about = description_of(tmp_path / "out")
    assert (about.target, about.trained_for) == (None, system)


def test_an_encoder_decoder_is_trained_for_one_answer_and_refused_for_a_conversation(
    tiny_model: TinyModel, ask: Ask
) -> None:
    if tiny_model.backbone.family == "decoder_only":
        pytest.skip("it can learn both")
    request = ask(tiny_model, train={"epochs": 1})
    assert work(request.model_copy(update={"system": INSTRUCTUIE}), silent)["summary"]["updates"]
    with pytest.raises(
        InputError, match=r"news/train/\d+: the system's training texts have several"
    ):
        work(request.model_copy(update={"system": UNINER}), silent)
