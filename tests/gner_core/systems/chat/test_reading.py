"""Answers as models write them, and what they are read as."""

import random
import time
from typing import Literal

import pytest

from gner_core.records import Span
from gner_core.systems.chat.answers import FILTERED
from gner_core.systems.chat.reading import ChatReader
from gner_core.systems.interface import Reading
from tests.conftest import ROOT
from tests.gner_core.systems.chat.conftest import chat_system

WORDS = 'Ada Lovelace met O\'Brien of "The Who" [ UK ] in São Paulo'.split()


def read(
    ask: Literal["each", "all"], *outputs: str, types: tuple[str, ...] = ("person",)
) -> Reading:
    params = chat_system(ROOT, base_url="http://127.0.0.1:1/v1", ask=ask)
    return ChatReader(params).read(WORDS, types, outputs)


def texts(reading: Reading) -> list[str]:
    return [" ".join(WORDS[span.start : span.end]) for span in reading.spans]


@pytest.mark.parametrize(
    "output",
    [
        '["Ada Lovelace", "O\'Brien"]',
        "['Ada Lovelace', 'O\\'Brien']",
        "['Ada Lovelace', 'O'Brien']",
        '```json\n[\n  "Ada Lovelace",\n  "O\'Brien",\n]\n```',
        'Sure! The entities [persons] are: ["Ada Lovelace" "O\'Brien"]. Anything else?',
        "<think>[no, not yet]</think>\n[“Ada Lovelace”, “O'Brien”]",
        '{"entities": ["Ada Lovelace", "O\\u0027Brien"]}',
        '["ada lovelace", "o\'brien"]<|im_end|>',
    ],
    ids=["json", "python", "unescaped", "fence", "prose", "thoughts", "object", "case"],
)
def test_a_list_is_read_however_it_is_written(output: str) -> None:
    reading = read("each", output)
    assert reading.spans == (Span(0, 2, "person"), Span(3, 4, "person"))
    assert not reading.unread and not reading.hallucinated


@pytest.mark.parametrize(
    ("output", "found", "unread"),
    [
        ("[]", [], ()),
        ("['Ada Lovelace', 'O Br", ["Ada Lovelace"], ("person: cut off",)),
        ('["Ada Lovelace', [],  ('person: no list: ["Ada Lovelace',)),
        ('["São Paulo", 5, null, ["x"]]', ["São Paulo"], ("person: not a string: 5", "person: not a string: list")),
        ('["UK"]\n["Ada Lovelace"]', ["UK"], ("person: after the first list: 1 more",)),
        ("", [], ("person: empty",)),
        ("<think>is it Ada", [], ("person: empty",)),
        ("There is none.", [], ("person: no list: There is none.",)),
        (FILTERED, [], ("person: withheld by the endpoint's filter",)),
        ('["the "The Who" band"]', [], ()),
        ('["\\ud83d UK"]', [], ()),
    ],
)  # fmt: skip
def test_nothing_is_lost_unseen(output: str, found: list[str], unread: tuple[str, ...]) -> None:
    reading = read("each", output)
    assert texts(reading) == found and reading.unread == unread
    if not found and not unread and output != "[]":
        assert len(reading.hallucinated) == 1


def test_an_object_holds_the_lists_of_all_types() -> None:
    output = """Here you are:
    {"Person": ["Ada Lovelace"], 'programming_language': [], "place": ["UK"], "Music Band": "The Who",
     "film": null, "song": [{"name": "x"}], "person": ["O'Brien", "Bob"]"""
    types = ("person", "music band", "film", "song", "programming language")
    reading = read("all", output, types=types)
    assert reading.spans == (
        Span(0, 2, "person"),
        Span(3, 4, "person"),
        Span(5, 7, "music band"),
    )
    assert reading.hallucinated == (("person", "Bob"),)
    assert reading.unknown == (("place", "UK"),)
    assert reading.unread == ("not a string: object", "cut off")


def test_answers_that_are_missing_are_said() -> None:
    types = ("person", "location")
    assert read("each", "[]", types=types).unread == ("1 answers to 2 questions",)
    assert read("all", types=types).unread == ("0 answers to 1 questions",)
    assert read("all", "none at all").unread == ("no object: none at all",)


PIECES = [
    '["',
    '"]',
    *"[]{}\"'\\,:\n“ ",
    "UK",
    "\\u",
    "\\ud83d",
    "```",
    "</think>",
    "Ada",
    "\ud800",
]


@pytest.mark.parametrize("ask", ["each", "all"])
def test_no_answer_raises(ask: Literal["each", "all"]) -> None:
    draw = random.Random(1)
    for _ in range(1500):
        outputs = ["".join(draw.choices(PIECES, k=draw.randrange(40))) for _ in range(2)]
        reading = read(ask, *outputs, types=("person", "location"))
        assert all(0 <= span.start < span.end <= len(WORDS) for span in reading.spans)
        str(reading).encode()  # without halves of surrogate pairs


@pytest.mark.parametrize("piece", ["[", "{", '["', '"a",', '{"a":', "[x", ":{", "\\", '" '])
@pytest.mark.parametrize("ask", ["each", "all"])
def test_long_hostile_answers_take_no_time(piece: str, ask: Literal["each", "all"]) -> None:
    started = time.process_time()
    read(ask, "[{" + piece * 5_000)
    assert time.process_time() - started < 2
