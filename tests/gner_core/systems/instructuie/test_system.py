import random
from typing import Any

import pytest

from gner_core.records import Span
from gner_core.systems.instructuie.prompts import prompt
from gner_core.systems.instructuie.system import InstructUie
from tests.gner_core.systems.params import instructuie

WORDS = ("Ada", "of", "Rome", ";", "a", "town", ".")
TYPES = ("person", "place")
GOLD = (Span(0, 1, "person"), Span(2, 3, "place"))
PROMPT = (
    "Please list all entity words in the text that fit the category.Output format is "
    '"type1: word1; type2: word2". \nOption: person, place \nText: Ada of Rome ; a town . \nAnswer:'
)
TARGET = " person: Ada; place: Rome"


def asked(**changes: Any) -> str:
    (query,) = InstructUie(instructuie(**changes)).queries(WORDS, TYPES)
    assert query.asked is None and not query.follows
    return query.prompt


def test_the_prompt() -> None:
    assert asked() == PROMPT
    assert asked(dataset="news") == f"Task:NER\nDataset:news\n{PROMPT}"
    assert asked(wording=2).startswith("Please find all the entity words associated with")
    assert asked(wording=3).startswith("Please tell me all the entity words in the text that")


def test_a_drawn_wording_depends_on_the_sentence() -> None:
    system = InstructUie(instructuie(wording="drawn"))
    sentences = [("word", str(number)) for number in range(20)]
    first = [system.queries(words, TYPES)[0].prompt for words in sentences]
    assert first == [system.queries(words, TYPES)[0].prompt for words in sentences]
    assert len({text.partition("Option")[0] for text in first}) == 3


def test_training_texts_with_auxiliary_tasks() -> None:
    system = InstructUie(instructuie(auxiliary=1.0))
    texts = system.examples(WORDS, GOLD, TYPES, random.Random(1), epoch=0)
    assert [[piece.loss for piece in text] for text in texts] == [[False, True]] * 3
    main, spans_only, types_only = [[piece.text for piece in text] for text in texts]
    assert main == [PROMPT, TARGET]
    assert 'category. Output format is "word1, word2". \nOption: person, place' in spans_only[0]
    assert spans_only[1] == " Ada, Rome"
    assert types_only[0].startswith("Given options, please tell me the categories of all")
    assert types_only[0].endswith(" \n Entities: Ada, Rome \nAnswer:")
    assert types_only[1] == TARGET


def test_the_share_of_auxiliary_tasks() -> None:
    system = InstructUie(instructuie(auxiliary=0.3))
    draw = random.Random(5)
    texts = [t for _ in range(500) for t in system.examples(WORDS, GOLD, TYPES, draw, epoch=0)]
    assert 500 + 240 < len(texts) < 500 + 360
    assert len(InstructUie(instructuie()).examples(WORDS, GOLD, TYPES, draw, epoch=0)) == 1


def test_a_sentence_without_entities() -> None:
    system = InstructUie(instructuie(auxiliary=1.0))
    texts = system.examples(WORDS, (), TYPES, random.Random(1), epoch=0)
    assert [text[1].text for text in texts] == [" None"] * 3
    assert system.read(WORDS, TYPES, [" None"]) == ((), (), (), 0, ())


@pytest.mark.parametrize(
    ("types", "published"),
    [
        (("{x}",), "Option: {x} \nText: {0} \nAnswer:"),
        (("a{",), "Option: a{ \nText: {0} \nAnswer:"),
        (("a{}",), "Option: a{} \nText: {0} \nAnswer:"),
        (("{{a}}",), "Option: {a} \nText: Ada {b} \nAnswer:"),
        (("{0}",), "Option: Ada {b} \nText: Ada {b} \nAnswer:"),
        (("{0.real}",), "Option: {0.real} \nText: {0} \nAnswer:"),
    ],
)
def test_braces_in_types_spoil_the_published_prompt_alone(
    types: tuple[str, ...], published: str
) -> None:
    words = ("Ada", "{b}")
    assert prompt(words, types, wording=1, faithful=True).endswith(published)
    right = f"Option: {types[0]} \nText: Ada {{b}} \nAnswer:"
    assert prompt(words, types, wording=1).endswith(right)


def test_the_answer_is_read() -> None:
    system = InstructUie(instructuie())
    assert system.read(WORDS, TYPES, [TARGET]).spans == GOLD
    assert system.published(WORDS, GOLD, TYPES, [TARGET]) == (2, 2, 2)
    assert system.read(WORDS, TYPES, []).unread == ("no answer",)


def test_every_published_prediction_is_in_the_faithful_reading() -> None:
    system = InstructUie(instructuie(faithful=True))
    output = "Person : ADA; person: ada;; located: x; place: Rome, None; pers;"
    reading = system.read(WORDS, (*TYPES, "location"), [output])
    assert reading.spans == (Span(0, 1, "person"),)
    assert reading.hallucinated == (("location", "x"), ("place", "rome,none"))
    assert reading.unknown == (("", "pers"), ("", ""))
    assert system.published(WORDS, GOLD, TYPES, [output]) == (1, 5, 2)
    assert system.read(WORDS, TYPES, ["None"]) == ((), (), (), 0, ())
    assert system.published(WORDS, (), TYPES, ["None"]) == (1, 1, 1)  # none equals none
