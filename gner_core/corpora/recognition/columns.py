"""Recognises the columns of a CoNLL file: separator, number, token, tags, scheme, prefix."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from gner_core.corpora.readers.raw import text_lines
from gner_core.corpora.readers.text.conll import DOCSTART, split_at_blanks
from gner_core.errors import InputError

TAG = re.compile(r"O|[BIES]-.*\S.*", re.DOTALL)
PREFIX = re.compile(r"[a-z]{2,3}:")
SHOWN = 20
"""Problems that are named one by one."""
LOOKED_AT = 200_000
"""Lines from which the form is concluded; all of them are read afterwards."""


def recognise_columns(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the values of a `ConllFormat` and the lines that do not fit it.

    Raises:
        InputError: when no column holds tags.
    """
    first = islice(text_lines(path), LOOKED_AT)
    lines = [(number, line) for number, line in first if line.strip(" ")]
    tabs = sum("\t" in line for _, line in lines) * 2 > len(lines)
    rows = [(number, line.split("\t") if tabs else split_at_blanks(line)) for number, line in lines]
    columns = Counter(len(cells) for _, cells in rows).most_common(1)[0][0]
    fitting = [(number, cells) for number, cells in rows if len(cells) == columns]
    tagged = [column for column in range(columns) if _share_of_tags(fitting, column) > 0.9]
    if columns < 2 or not tagged:
        seen = "tab" if tabs else "space"
        raise InputError(
            f"{path}: no column of tags (O, B-…, I-…) among {columns} {seen}-separated columns"
        )
    # CoNLL-2003 has chunks in the same form before the entities; those are last by custom.
    tag = tagged[-1]
    others = [column for column in range(columns) if column not in tagged]
    # The first column may count tokens; what follows the tokens are parts of speech and the like.
    worded = [c for c in others if not all(cells[c].isdecimal() for _, cells in fitting)]
    token = next(iter(worded or others), None)
    if token is None:
        raise InputError(f"{path}: all {columns} columns hold tags, none holds tokens")
    form: dict[str, Any] = {
        "kind": "conll",
        "scheme": recognise_scheme(_tags_by_sentence(fitting, tag)),
        "separator": "tab" if tabs else "space",
        "columns": columns,
        "token_column": token,
        "tag_column": tag,
    }
    prefix = _prefix([cells[token] for _, cells in fitting])
    if prefix:
        form["token_prefix"] = prefix
    problems = [
        f"{path}, line {number}: {len(cells)} columns where most lines have {columns}"
        for number, cells in rows
        if len(cells) != columns
    ]
    problems += [
        f"{path}, line {number}: {cells[tag][:60]!r} is no tag"
        for number, cells in fitting
        if not TAG.fullmatch(cells[tag])
    ]
    more = [f"{path}: {len(problems) - SHOWN} more lines like these"] * (len(problems) > SHOWN)
    if len(tagged) > 1:
        more.append(f"{path}: columns {tagged} all hold tags; the last one was taken")
    return form, (*problems[:SHOWN], *more)


def recognise_scheme(sentences: Iterator[Sequence[str]]) -> str:
    """Return the scheme that explains the tags of a file: bioes, iob1 or bio."""
    prefixes: Counter[str] = Counter()
    opened_by_i = b_without_need = 0
    for tags in sentences:
        prefixes.update(tag[0] for tag in tags if tag[:1] in "BIES" and tag[1:2] == "-")
        for before, tag in pairwise(("O", *tags)):
            same = before[2:] == tag[2:] and before != "O"
            opened_by_i += tag.startswith("I-") and not same
            b_without_need += tag.startswith("B-") and not same
    if prefixes["E"] or prefixes["S"]:
        return "bioes"
    # In IOB1 a B- only follows an entity of its type; a few others are mere faults.
    return "iob1" if opened_by_i > 10 * b_without_need else "bio"


def _tags_by_sentence(rows: Sequence[tuple[int, list[str]]], tag: int) -> Iterator[list[str]]:
    tags: list[str] = []
    for (last, _), (number, cells) in pairwise([(0, []), *rows]):
        if number > last + 1:
            yield tags
            tags = []
        tags.append(cells[tag])
    yield tags


def _share_of_tags(rows: Sequence[tuple[int, list[str]]], column: int) -> float:
    return sum(bool(TAG.fullmatch(cells[column])) for _, cells in rows) / len(rows)


def _prefix(tokens: Sequence[str]) -> str | None:
    words = [token for token in tokens if not token.startswith(DOCSTART)]
    match = PREFIX.match(words[0]) if words else None
    if match and all(word.startswith(match[0]) for word in words):
        return match[0]
    return None
