import random
from pathlib import Path

import pytest

from gner_core.errors import InputError
from gner_core.records import Span
from gner_core.systems.interface import Piece
from gner_core.systems.uniner.system import UniNer
from tests.gner_core.systems.params import uniner

WORDS = ("Zoé", "met", "Bo", "and", "Zoé", ".")
GOLD = (Span(0, 1, "person"), Span(2, 3, "person"), Span(4, 5, "person"))
BEGINNING = (
    "A virtual assistant answers questions from a user based on the provided text. "
    "USER: Text: Zoé met Bo and Zoé . ASSISTANT: I've read this text.</s>"
)


def test_one_prompt_a_type() -> None:
    first, second = UniNer(uniner()).queries(WORDS, ("person", "Star Sign"))
    assert first == (
        f"{BEGINNING}USER: What describes person in the text? ASSISTANT:",
        "person",
        False,
    )
    assert second.prompt == f"{BEGINNING}USER: What describes Star Sign in the text? ASSISTANT:"


def test_a_conversation_goes_on_after_each_answer() -> None:
    first, second = UniNer(uniner(ask="conversation")).queries(WORDS, ("person", "city"))
    assert not first.follows and first.prompt.startswith(BEGINNING)
    assert second == ("</s>USER: What describes city in the text? ASSISTANT:", "city", True)


def test_definitions_stand_in_the_place_of_types(tmp_path: Path) -> None:
    file = tmp_path / "definitions.yaml"
    file.write_text("person: a human being, living or dead\n")
    system = UniNer(uniner(style="definition", definitions=str(file)))
    (query,) = system.queries(WORDS, ("person",))
    assert query.prompt.endswith("describes a human being, living or dead in the text? ASSISTANT:")
    assert query.asked == "person"
    with pytest.raises(InputError, match=r"definitions.yaml: has no definition of city"):
        system.queries(WORDS, ("city",))


def test_the_style_says_whether_there_is_a_file() -> None:
    with pytest.raises(ValueError, match="style: definition needs a file"):
        uniner(style="definition")


def test_training_texts_begin_as_prompts_do() -> None:
    (pieces,) = UniNer(uniner()).examples(
        WORDS, GOLD, ("person", "city"), random.Random(3), epoch=0
    )
    text = "".join(piece.text for piece in pieces)
    turns = ("person", ' ["Zo\\u00e9", "Bo", "Zo\\u00e9"]'), ("city", " []")
    written = [
        f"USER: What describes {name} in the text? ASSISTANT:{answer}</s>" for name, answer in turns
    ]
    assert text in (BEGINNING + "".join(written), BEGINNING + "".join(reversed(written)))
    assert [p.text for p in pieces if p.loss] in (
        [f"{turns[0][1]}</s>", f"{turns[1][1]}</s>"],
        [f"{turns[1][1]}</s>", f"{turns[0][1]}</s>"],
    )
    assert not UniNer(uniner()).pieces_apart


def test_published_training_pieces() -> None:
    system = UniNer(uniner(faithful=True))
    (pieces,) = system.examples(WORDS, GOLD[1:2], ("person",), random.Random(3), epoch=0)
    opening = BEGINNING.replace("text. USER", "paragraph. USER").partition(" ASSISTANT:")[0]
    assert pieces == (
        Piece(opening, loss=False),
        Piece("ASSISTANT: ", loss=False),
        Piece("I've read this text.</s>", loss=True),
        Piece("USER: What describes person in the text?", loss=False),
        Piece("ASSISTANT: ", loss=False),
        Piece('["Bo"]</s>', loss=True),
    )
    assert system.pieces_apart


def test_the_order_of_questions_is_drawn() -> None:
    types = [f"type {number}" for number in range(9)]
    system = UniNer(uniner())
    texts = {
        system.examples(WORDS, (), types, random.Random(seed), epoch=0)[0] for seed in (1, 1, 2)
    }
    assert len(texts) == 2


@pytest.mark.parametrize("faithful", [False, True])
def test_the_right_answers_are_read_as_the_gold(faithful: bool) -> None:
    system = UniNer(uniner(faithful=faithful))
    outputs = [' ["Zo\\u00e9", "Bo", "Zo\\u00e9"]</s>', "[]"]
    reading = system.read(WORDS, ("person", "city"), outputs)
    repeated = GOLD if not faithful else GOLD[:2]  # the published reader drops repeated strings
    assert reading.spans == repeated
    assert reading.hallucinated == reading.unknown == reading.unread == ()
    assert system.published(WORDS, GOLD, ("person", "city"), outputs) == (2, 2, 2)


def test_an_answer_that_is_missing_is_told() -> None:
    reading = UniNer(uniner()).read(WORDS, ("person", "city"), ['["Bo"]'])
    assert reading.spans == (Span(2, 3, "person"),)
    assert reading.unread == ("city: no answer",)


def test_the_published_metric_misses_the_gold_of_a_skipped_sentence() -> None:
    assert UniNer(uniner()).published(WORDS, GOLD, ("person", "city"), ()) == (0, 0, 2)
