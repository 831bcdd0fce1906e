"""Calls and tokens of text systems before there are sentences, against real ones."""

import pytest

from gner_core.config.reading.costs import LENGTHS, read_lengths
from gner_core.config.reading.defaults import defaults
from gner_core.config.systems.base import TextSystemParams
from gner_core.config.systems.gollie import GollieSystem
from gner_core.config.systems.instructuie import InstructUieSystem
from gner_core.config.systems.uniner import UninerSystem
from gner_core.costs.texts import TextLengths, called, learned, made_up, measure_like
from gner_core.systems.gner.prompts import prompt
from gner_core.systems.gner.targets import BIO
from gner_core.systems.interface import TextSystem
from gner_core.systems.registry import text_system

KINDS: dict[str, type[TextSystemParams]] = {
    "uniner": UninerSystem,
    "instructuie": InstructUieSystem,
    "gollie": GollieSystem,
}


def system(kind: str, **changed: object) -> TextSystem:
    values = {**defaults()["systems"][kind]["system"], **changed}
    return text_system(KINDS[kind].model_validate(values))


def test_a_made_up_sentence_has_the_words_and_types_of_its_corpus() -> None:
    case = made_up(words=36.4, types=13)
    assert (len(case.words), len(case.types), len(case.spans)) == (36, 13, 3)
    assert made_up(words=1.2, types=2).spans == ()
    assert len(made_up(words=9.0, types=None).types) == 8
    measure = measure_like(case, prompt_tokens=220.0)
    assert measure(prompt(case.words, case.types, BIO)) == pytest.approx(220.0)
    assert measure("") == 0


@pytest.mark.parametrize(
    ("kind", "calls", "asked", "answered"),
    [("uniner", 13, 87, 4), ("instructuie", 1, 107, 28), ("gollie", 1, 246, 48)],
)
def test_estimates_come_near_what_real_sentences_have(
    kind: str, calls: int, asked: float, answered: float
) -> None:
    """Counted with SmolLM2's tokenizer on 60 sentences of the zero-shot test sets, 8 to 16 types."""
    column = read_lengths(LENGTHS)["smollm2"]
    names = [name for name in column if name.startswith(("crossner", "mit"))]
    words = sum(column[name].words for name in names) / len(names)
    tokens = sum(column[name].prompt for name in names) / len(names)
    case = made_up(words=words, types=13)
    found = called(system(kind), [case], measure_like(case, prompt_tokens=tokens))
    assert found.texts == calls
    assert found.prompt == pytest.approx(asked, rel=0.35)
    assert found.answer == pytest.approx(answered, rel=0.6)


def test_turns_of_a_conversation_follow_each_other() -> None:
    case = made_up(words=20, types=3)
    each = called(system("uniner", ask="each"), [case], len)
    turns = called(system("uniner", ask="conversation"), [case], len)
    assert (each.texts, turns.texts) == (3, 3)
    assert turns.prompt > each.prompt  # a later turn has the earlier ones before it


def test_drawn_training_texts_are_averaged() -> None:
    case = made_up(words=20, types=3)
    whole = learned(system("instructuie", auxiliary=0.3), [case], len)
    assert whole.texts == pytest.approx(1.6, abs=0.25)
    assert isinstance(whole, TextLengths)
    alone = learned(system("instructuie", auxiliary=0.0), [case], len)
    assert alone.texts == 1
