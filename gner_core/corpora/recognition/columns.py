"""Recognises the columns of a CoNLL file: separator, number, token, tags, scheme, prefix."""

import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from gner_core.config.corpus import ConllFormat
from gner_core.corpora.readers.raw import text_lines
from gner_core.corpora.readers.text.conll import (
    NO_WORD,
    is_document_line,
    is_token,
    split_at_blanks,
    wrong_columns,
)
from gner_core.corpora.tag_schemes import (
    ALONE,
    BARE_LABEL,
    ODD_LINE_END,
    TAG,
    UNLABELLED,
    BioTags,
    Scheme,
    TagError,
)
from gner_core.errors import InputError

PREFIX = re.compile(r"[a-z]{2,3}:")
OTHER_TAG = re.compile(
    r"[BIESLUMW](?:[\W_].*)?|(?:begin|inside|end|single)[\W_].*|.*[-_][BIESLUMW]", re.IGNORECASE
)
"""What may be a tag of another form: `B`, `B/PER`, `Begin-PER`, `PER-B`; also `e-mail`."""
NO_LABELS = f"tags are without labels; name the type of their entities: labels: {{{UNLABELLED}: …}}"
TAGS_ARE = "words outside entities are tagged O, others B-LABEL and I-LABEL"
TOKEN_HEADERS = {"token", "tokens", "word", "words", "form", "text"}
TAG_HEADERS = {"tag", "tags", "ner", "ner_tag", "ner_tags", "label", "labels", "iob", "bio"}
"""What columns are called in a first line that is no token."""
SHOWN = 20
"""Problems that are named one by one."""
LOOKED_AT = 200_000
"""Lines from which the form is concluded; all of them are read afterwards."""


class Row(NamedTuple):
    """The cells of a line, and the number of its sentence."""

    line: int
    text: str
    cells: list[str]
    sentence: int
    may_be_comment: bool


def recognise_columns(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the values of a `ConllFormat` and the lines that do not fit it.

    Raises:
        InputError: when no column holds tags, or the lines end in another way than lines do.
    """
    first = list(islice(text_lines(path), LOOKED_AT))
    _check_line_ends(path, first)
    filled = [line for _, line in first if line.strip()]
    tabs = sum("\t" in line for line in filled) * 2 > len(filled)
    found = list(_rows(first, tabs=tabs))
    if not found:
        raise InputError(f"{path}: no line with a token")
    _check_header(path, found[0])
    plain = [row for row in found if not row.may_be_comment] or found
    columns = Counter(len(row.cells) for row in plain).most_common(1)[0][0]
    fitting = [row for row in plain if len(row.cells) == columns]
    no_words = [row for row in fitting if NO_WORD.fullmatch(row.cells[0])]
    has_ids = bool(no_words) and _are_ids(fitting, 0)
    if has_ids:
        left_out = {row.line for row in no_words}
        found = [row for row in found if row.line not in left_out]
        fitting = [row for row in fitting if row.line not in left_out]
    tagged = _columns_of_tags(fitting, columns)
    bare = [] if tagged else _columns_of(fitting, columns, are_bare_labels)
    alone = [] if tagged + bare else _columns_of(fitting, columns, are_prefixes_alone)
    separator = "tab" if tabs else "space"
    if columns < 2 or not tagged + bare + alone:
        held = ", ".join(list(dict.fromkeys(row.cells[-1] for row in fitting))[:5])
        raise InputError(
            f"{path}: no column of tags (O, B-…, I-…) among {columns} {separator}-separated "
            f"columns; the last one holds {held[:80]}; columns are separated by tabs or blanks, "
            f"and {TAGS_ARE}"
        )
    tag = _column_of_entities(fitting, tagged or bare or alone)
    tags = _by_sentence(fitting, tag)
    scheme: Scheme = "io" if bare else "unlabelled" if alone else recognise_scheme(tags)
    rows = [
        row
        for row in found
        if not row.may_be_comment
        or (len(row.cells) == columns and is_token(row.cells[0], row.cells[tag], scheme))
    ]
    token = _column_of_tokens(
        path, fitting, [c for c in range(columns) if c not in tagged + bare + alone]
    )
    _refuse_numbers_of_sentences(path, fitting, token, tag)
    form: dict[str, Any] = {
        "kind": "conll",
        "scheme": scheme,
        "separator": separator,
        "columns": columns,
        "token_column": token,
        "tag_column": tag,
    }
    if has_ids:
        form["id_column"] = 0
    prefix = _prefix([row.cells[token] for row in fitting])
    if prefix:
        form["token_prefix"] = prefix
    problems = _problems(path, rows, ConllFormat.model_validate(form))
    if len(tagged) > 1:
        problems.append(f"{path}: {_which_was_taken(fitting, tagged, tag)}")
    if bare:
        problems.append(f"{path}: tags are bare labels, so that neighbours of one label are one")
    if alone:
        problems.append(f"{path}: {NO_LABELS}")
    return form, tuple(problems)


def recognise_scheme(sentences: Iterable[Sequence[str]]) -> Scheme:
    """Return the scheme that explains the tags of a file."""
    prefixes: Counter[str] = Counter()
    opened_by_i = b_without_need = 0
    for sentence in sentences:
        tags = [tag.strip().upper() for tag in sentence]
        prefixes.update(tag[0] for tag in tags if tag[1:2] in ("-", "_"))
        for before, tag in pairwise(("O", *tags)):
            same = before[2:] == tag[2:] and before != "O"
            opened_by_i += tag.startswith(("I-", "I_")) and not same
            b_without_need += tag.startswith(("B-", "B_")) and not same
    if prefixes["M"] + prefixes["W"]:
        return "bmes"
    if prefixes["L"] + prefixes["U"] > prefixes["E"] + prefixes["S"]:
        return "bilou"
    if prefixes["E"] or prefixes["S"]:
        return "bioes"
    # In IOB1 a B- only follows an entity of its type; a few others are mere faults.
    return "iob1" if opened_by_i > 10 * b_without_need else "bio"


def are_tags(values: Sequence[str]) -> bool:
    """Say whether values are tags with prefixes, but for a few; bare labels among many O are not."""
    return _are_nearly_all(values, lambda value: bool(TAG.fullmatch(value)))


def are_bare_labels(values: Sequence[str]) -> bool:
    """Say whether values look like labels without prefixes, of which most are O."""
    counts = Counter(value.strip() for value in values)
    outside = counts.pop("O", 0)
    return (
        bool(counts)
        and outside >= max(counts.values())
        and outside * 3 >= len(values)
        and len(counts) <= max(len(values) / 4, 2)
        and all(map(BARE_LABEL.fullmatch, counts))
        and sum(bool(OTHER_TAG.fullmatch(value)) for value in counts) * 2 < len(counts)
    )


def are_prefixes_alone(values: Sequence[str]) -> bool:
    """Say whether values are tags without labels, as B, I and O are, but for a few."""
    has_b = any(value.strip() in ("B", "b") for value in values)
    return has_b and _are_nearly_all(values, lambda value: value.upper() in ALONE)


def _are_nearly_all(values: Sequence[str], test: Callable[[str], bool]) -> bool:
    """Say whether nearly all values pass a test or are O, and most of those that are not O."""
    counts = Counter(value.strip() for value in values)
    inside = counts.total() - counts.pop("O", 0) - counts.pop("o", 0)
    odd = sum(times for value, times in counts.items() if not test(value))
    return odd * 10 <= len(values) and odd * 2 <= inside


def _rows(lines: Sequence[tuple[int, str]], *, tabs: bool) -> Iterator[Row]:
    """Yield the lines that hold tokens or comments."""
    sentence, is_open = 0, False
    for number, line in lines:
        cells = line.split("\t") if tabs else split_at_blanks(line)
        if not line.strip() or is_document_line(cells, 0):
            sentence, is_open = sentence + is_open, False
            continue
        may_be_comment = not is_open and line.startswith("#")
        yield Row(number, line, cells, sentence, may_be_comment)
        is_open = not may_be_comment


def _columns_of_tags(rows: Sequence[Row], columns: int) -> list[int]:
    """Return the columns of tags with prefixes; those that hold O alone only if all do."""
    tagged = [column for column in range(columns) if are_tags([row.cells[column] for row in rows])]
    filled = [c for c in tagged if any(row.cells[c].strip() != "O" for row in rows)]
    return filled or tagged


def _columns_of(
    rows: Sequence[Row], columns: int, test: Callable[[Sequence[str]], bool]
) -> list[int]:
    return [c for c in range(columns) if test([row.cells[c] for row in rows])]


def _column_of_entities(rows: Sequence[Row], columns: Sequence[int]) -> int:
    """Return the last column: CoNLL-2003 has chunks in the same form before the entities.

    Of columns with the same labels, as those of outer and nested entities, it is the first one.
    """
    labels = {c: {row.cells[c].strip()[2:] for row in rows} - {""} for c in columns}
    return next(c for c in columns if labels[c] >= labels[columns[-1]])


def _column_of_tokens(path: Path, rows: Sequence[Row], columns: Sequence[int]) -> int:
    """Return the first column of many different texts; what follows are lemmas and the like.

    Columns of numbers and of ids, of which nearly every one holds a digit, are not of tokens, nor
    are those that are mostly blank.
    """
    if not columns:
        raise InputError(f"{path}: all {len(rows[0].cells)} columns hold tags, none holds tokens")
    filled = {c: len(_filled(rows, c)) for c in columns}
    most = max(filled.values())
    if most * 2 < len(rows):
        raise InputError(
            f"{path}: no column of tokens; column {max(columns, key=lambda c: filled[c])} is blank "
            f"in {len(rows) - most:,} of {len(rows):,} lines (columns count from 0)"
        )
    columns = [c for c in columns if filled[c] > 0.9 * most]
    digits = {c: sum(any(map(str.isdigit, row.cells[c])) for row in rows) for c in columns}
    worded = [column for column in columns if digits[column] < 0.9 * len(rows)] or columns
    different = {column: len({row.cells[column] for row in rows}) for column in worded}
    return next(c for c in worded if different[c] * 2 > max(different.values()))


def _filled(rows: Sequence[Row], column: int) -> list[Row]:
    return [row for row in rows if row.cells[column].strip()]


def _refuse_numbers_of_sentences(path: Path, rows: Sequence[Row], token: int, tag: int) -> None:
    """Refuse a file whose sentences are told by a number in their first line, not by empty lines.

    Raises:
        InputError: with a command that writes the empty lines.
    """
    if rows[-1].sentence > 0:
        return
    for column in range(len(rows[0].cells)):
        starts = _filled(rows, column)
        numbered = all(any(map(str.isdigit, row.cells[column])) for row in starts)
        is_sparse = 1 < len(starts) < len(rows) and starts[0] is rows[0]
        if column not in (token, tag) and numbered and is_sparse:
            raise InputError(
                f"{path}: column {column} is filled in {len(starts):,} of {len(rows):,} lines "
                f"({starts[0].cells[column]!r}), as numbers of sentences are; sentences end at "
                "empty lines, so write one before each of these lines: "
                f"awk -F'\\t' 'NR > 1 && ${column + 1} != \"\" {{print \"\"}} {{print}}' "
                f"{shlex.quote(str(path))} > sentences.tsv"
            )


def _are_ids(rows: Sequence[Row], column: int) -> bool:
    cells = [row.cells[column] for row in rows]
    return all(cell.isdecimal() or NO_WORD.fullmatch(cell) for cell in cells) and any(
        cell.isdecimal() for cell in cells
    )


def _check_line_ends(path: Path, lines: Sequence[tuple[int, str]]) -> None:
    """Refuse a file most of whose lines end with a sign at which no file is cut."""
    odd = [(number, sign) for number, line in lines for sign in ODD_LINE_END.findall(line)]
    if len(odd) > len(lines):
        number, sign = odd[0]
        raise InputError(
            f"{path}, line {number}: its lines end with U+{ord(sign):04X}; save the file with LF"
        )


def _check_header(path: Path, row: Row) -> None:
    """Refuse a first line that names columns."""
    names = {cell.strip().lower().replace(" ", "_") for cell in row.cells}
    if names & TOKEN_HEADERS and names & TAG_HEADERS:
        raise InputError(f"{path}, line {row.line}: {row.text[:60]!r} is a header: delete it")


def _which_was_taken(rows: Sequence[Row], columns: Sequence[int], tag: int) -> str:
    """Say which of several columns of tags was taken, and what the others hold."""
    if tag != columns[-1]:
        return f"columns {columns} all hold tags; {tag}, with the labels of the others, was taken"
    labels = {c: dict.fromkeys(row.cells[c].strip()[2:] for row in rows) for c in columns}
    others = [label for c in columns for label in labels[c] if label and label not in labels[tag]]
    left = f", without {', '.join(dict.fromkeys(others))[:80]}; tag_column says another one"
    return f"columns {columns} all hold tags; the last one was taken{left if others else ''}"


def _problems(path: Path, rows: Sequence[Row], form: ConllFormat) -> list[str]:
    """Return a line per row that does not fit; many are summed up."""
    bio = BioTags(scheme=form.scheme, labels="open", labels_to_o=())
    problems, odd_tags = [], []
    sound: set[str] = set()
    for row in rows:
        tag = row.cells[form.tag_column] if len(row.cells) == form.columns else None
        if tag in sound:
            continue
        where = f"{path}, line {row.line}"
        if tag is None:
            problems.append(f"{where}: {wrong_columns(row.text, row.cells, form)}")
        elif row.cells[form.token_column].strip():
            try:
                bio.convert([tag], repairs=Counter())
                sound.add(tag)
            except TagError as error:
                is_header = row is rows[0] and not TAG.fullmatch(error.tag)
                hint = "; is it a header? delete it" if is_header else ""
                odd_tags.append(f"{where}: {error}{hint}")
    problems += odd_tags
    more = [f"{path}: {len(problems) - SHOWN} more lines like these"] * (len(problems) > SHOWN)
    return [*problems[:SHOWN], *more]


def _by_sentence(rows: Sequence[Row], tag: int) -> list[list[str]]:
    tags: dict[int, list[str]] = {}
    for row in rows:
        tags.setdefault(row.sentence, []).append(row.cells[tag])
    return list(tags.values())


def _prefix(words: Sequence[str]) -> str | None:
    match = PREFIX.match(words[0]) if words else None
    if match and all(word.startswith(match[0]) for word in words):
        return match[0]
    return None
