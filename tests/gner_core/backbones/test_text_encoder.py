"""Training texts of systems in tokens: what carries loss, and the same tokens as in a prompt."""

import pytest

from gner_core.backbones.load import load_tokenizer
from gner_core.backbones.text_encoder import TextEncoder
from gner_core.errors import InputError
from gner_core.systems.interface import END, Piece
from tests.gner_core.conftest import TinyModel

ASKED = Piece("USER: the city of Ada? ASSISTANT:", loss=False)
ANSWERED = Piece(f' ["London"]{END}', loss=True)
AGAIN = Piece("USER: the person? ASSISTANT:", loss=False)
LAST = Piece(' ["Ada"]', loss=True)


def learned(encoder: TextEncoder, *pieces: Piece, apart: bool = False) -> list[str]:
    """The runs of tokens with loss, as texts, each with the end token shown as |."""
    example = encoder.example(pieces, apart=apart)
    runs: list[list[int]] = [[]]
    for number, token in enumerate(example.target):
        if number in example.silent:
            runs.append([])
        else:
            runs[-1].append(token)
    texts = [encoder.tokenizer.decode(run) for run in runs if run]
    return [text.replace(encoder.tokenizer.eos_token, "|") for text in texts]


@pytest.mark.parametrize("apart", [False, True])
def test_only_answers_carry_loss_and_each_ends_with_the_end_token(
    tiny_llama: TinyModel, apart: bool
) -> None:
    encoder = TextEncoder(load_tokenizer(tiny_llama.folder), tiny_llama.backbone)
    runs = learned(encoder, ASKED, ANSWERED, AGAIN, LAST, apart=apart)
    assert runs == [' ["London"]|', ' ["Ada"]|']
    example = encoder.example([ASKED, ANSWERED, AGAIN, LAST], apart=apart)
    without, with_loss = example.lengths
    assert without + with_loss == len(example.source) + len(example.target)
    assert with_loss == sum(label != -100 for label in example.labels(-100))


def test_a_prompt_has_the_same_tokens_in_training_and_in_generation(tiny_llama: TinyModel) -> None:
    encoder = TextEncoder(load_tokenizer(tiny_llama.folder), tiny_llama.backbone)
    example = encoder.example([ASKED, ANSWERED, AGAIN, LAST], apart=False)
    (first,) = encoder.prompts([ASKED.text])
    (second,) = encoder.prompts([ASKED.text + ANSWERED.text + AGAIN.text])
    assert example.source == first
    assert (example.source + example.target)[: len(second)] == second


def test_an_encoder_decoder_learns_one_answer_and_refuses_several(tiny_model: TinyModel) -> None:
    if tiny_model.backbone.family == "decoder_only":
        pytest.skip("it learns several")
    encoder = TextEncoder(load_tokenizer(tiny_model.folder), tiny_model.backbone)
    assert learned(encoder, ASKED, LAST) == [' ["Ada"]|']
    assert encoder.example([ASKED, LAST], apart=False).source == encoder.prompts([ASKED.text])[0]
    with pytest.raises(InputError, match="several answers; they need a decoder_only backbone"):
        encoder.example([ASKED, ANSWERED, AGAIN, LAST], apart=False)
