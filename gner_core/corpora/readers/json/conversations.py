"""Reads passages with questions for types: the published form of Pile-NER and similar ones.

`conversations`: a record holds a passage ("Text: …"), then pairs of a question ("What describes X
in the text?") and an answer, a JSON list of mentions. `answers`: a record holds a passage, a type
and one such answer. Records of a file with the same passage are joined, and counted.

Mentions have no positions; `gner_core.corpora.mentions` finds them.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gner_core.config.corpus import AnswersFormat, ConversationsFormat
from gner_core.corpora.mentions import find_mentions
from gner_core.corpora.readers.json.records import json_objects, list_of_objects, string
from gner_core.corpora.readers.raw import RawText
from gner_core.errors import InputError
from gner_core.type_names import plain_label

_PASSAGE = "Text: "
_QUESTION = re.compile(r"What describes (?P<type>.+) in the text\?", re.DOTALL)


@dataclass(slots=True)
class _Passage:
    line: int
    answers: list[tuple[str, str]] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)


def read(
    path: Path, form: ConversationsFormat | AnswersFormat, repairs: Counter[str]
) -> Iterator[RawText]:
    """Yield the passages of a file in the order in which they first occur."""
    passages: dict[str, _Passage] = {}
    for line, record in json_objects(path):
        where = f"{path}, line {line}"
        if isinstance(form, AnswersFormat):
            text, questions = _answer(record, form, where)
        else:
            text, questions = _conversation(record, where)
        if text in passages:
            repairs["records joined with one of the same passage"] += 1
        passage = passages.setdefault(text, _Passage(line))
        for type_name, answer in questions:
            found = _read_answer(answer, repairs)
            passage.answers += [(type_name, mention) for mention in found]
            if not found:
                passage.unanswered.append(type_name)
    for text, passage in passages.items():
        mentions = find_mentions(text, passage.answers, repairs=repairs)
        yield RawText(text, mentions, passage.line, tuple(dict.fromkeys(passage.unanswered)))


def _conversation(record: dict[str, Any], where: str) -> tuple[str, list[tuple[str, str]]]:
    turns = list_of_objects(record, "conversations", where=where)
    speakers = [turn.get("from") for turn in turns]
    if len(turns) % 2 or speakers != ["human", "gpt"] * (len(turns) // 2) or len(turns) < 2:
        raise InputError(f"{where}: turns must go human, gpt, human, gpt …")
    values = [string(turn, "value", where=where) for turn in turns]
    if not values[0].startswith(_PASSAGE):
        raise InputError(f"{where}: the first turn must start with {_PASSAGE!r}")
    questions = []
    for question, answer in zip(values[2::2], values[3::2], strict=True):
        match = _QUESTION.fullmatch(question.strip())
        if not match:
            raise InputError(f"{where}: not a question for a type: {question[:60]!r}")
        questions.append((_type_name(match["type"], where), answer))
    return values[0].removeprefix(_PASSAGE), questions


def _answer(
    record: dict[str, Any], form: AnswersFormat, where: str
) -> tuple[str, list[tuple[str, str]]]:
    fields = (form.text_field, form.type_field, form.answer_field)
    text, type_name, answer = (string(record, name, where=where) for name in fields)
    return text, [(_type_name(type_name, where), answer)]


def _type_name(text: str, where: str) -> str:
    name = plain_label(text)
    if not name:
        raise InputError(f"{where}: the type is empty")
    return name


def _read_answer(answer: str, repairs: Counter[str]) -> list[str]:
    try:
        values = json.loads(answer)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list):
        repairs["answers that are no JSON list left out"] += 1
        return []
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) < len(values):
        repairs["mentions that are no text left out"] += len(values) - len(texts)
    return texts
