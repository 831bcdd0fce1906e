"""Passes of packed rows give what transformers gives for each row alone."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from gner_core.backbones.encoder import Encoder
from gner_core.backbones.load import load_tokenizer
from gner_core.generation.guided.decoding import GuidedGenerator, GuidedQuery
from gner_core.generation.packed.attention import neighbours
from gner_core.generation.packed.forward import DecoderOnlyForward, Feed
from gner_core.records import Sentence
from gner_core.systems.gner.targets import BIO
from tests.gner_core.conftest import TinyModel
from tests.gner_core.generation.test_guided import generator

OWN_LAYERS = {"llama": {"mlp_bias": True}, "mistral": {}, "qwen2": {}}
LAYERS = {**OWN_LAYERS, "qwen3": {"head_dim": 16}}


def model_of(kind: str) -> PreTrainedModel:
    torch.manual_seed(1)
    config = AutoConfig.for_model(
        kind, vocab_size=600, hidden_size=64, intermediate_size=96, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=2, pad_token_id=0, **LAYERS[kind],
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    return model


@pytest.mark.parametrize("kind", LAYERS)
def test_ragged_rows_give_the_hidden_states_of_whole_texts(
    kind: str, tiny_llama: TinyModel
) -> None:
    model = model_of(kind)
    encoder = Encoder(load_tokenizer(tiny_llama.folder), tiny_llama.backbone, BIO)
    rows = [[*range(5 + n, 5 + n + length)] for n, length in enumerate((40, 9, 90, 12))]
    stem = [3, 4]
    prompts = [[*stem, *row] for row in rows]
    with torch.inference_mode():
        wanted = [
            model.base_model(torch.tensor([row])).last_hidden_state[0, -2:] for row in prompts
        ]
        forward = DecoderOnlyForward(model, encoder)
        assert (forward.layers is not None) == (kind in OWN_LAYERS)
        starts = forward.begin(prompts, stems=[stem] * 4, rows=4, room=1)
        forward.feed(range(4), [Feed(one.start, one.tokens[:-5], []) for one in starts])
        rest = [Feed(one.start + len(one.tokens) - 5, one.tokens[-5:], [3, 4]) for one in starts]
        found = forward.feed(range(4), rest)
    torch.testing.assert_close(found, torch.cat(wanted), rtol=1e-3, atol=1e-3)


def test_rows_that_differ_much_attend_apart() -> None:
    cpu = torch.device("cpu")
    assert neighbours([300] * 5, [2, 2, 2, 30, 31], cpu) == [slice(0, 3), slice(3, 5)]
    assert neighbours([300] * 5, [12, 12, 13, 12, 11], cpu) == [slice(0, 5)]
    assert neighbours([300] * 5, [2, 2, 2, 30, 31], torch.device("meta")) == [slice(0, 5)]


def test_beginnings_that_are_expected_are_read_once_and_change_no_bit(
    tiny_llama: TinyModel, news: list[Sentence]
) -> None:
    lists = [("person", "place"), ("place", "person", "date")]
    asks = [GuidedQuery(s.words[:8], lists[n % 2]) for n, s in enumerate(news[:6])]
    batches = [asks[:1], asks[1:3], asks[3:6]]

    def expecting() -> GuidedGenerator:
        guided = generator(tiny_llama)
        guided.expect(ask.types for ask in asks)
        return guided

    guided = expecting()
    together = [guided(batch) for batch in batches]
    assert isinstance(guided.forward, DecoderOnlyForward)
    assert {*map(len, guided.forward.stems)} == {
        len(guided.encoder.stem(t)) for t in (None, *lists)
    }
    assert together == [expecting()(batch) for batch in batches]
    guided.expect([("date",), *lists])
    assert not guided.expected  # none comes twice
