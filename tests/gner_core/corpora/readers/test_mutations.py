"""Damaged corpus files are read with their repairs counted, or refused with file and line.

No sentence may be lost in silence: what was read and what was left out must add up to what the
damaged file holds by an independent, plain count.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from gner_core.corpora.prepare import stream_split
from gner_core.errors import InputError
from tests.gner_core.corpora.own_corpora import LABELS, OWN_CORPORA, Files, OwnCorpus

MUTATIONS_PER_FORM = 106  # times 19 forms: 2,014 files
LEFT_OUT = (
    "sentences without words dropped",
    "records joined with one of the same passage",
)


def flip_bytes(content: bytes, dice: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(dice.choice((1, 1, 2, 5))):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def cut_lines(content: bytes, dice: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    for _ in range(min(dice.choice((1, 2, 4)), len(lines) - 1)):
        number = dice.randrange(len(lines))
        if dice.random() < 0.5:
            del lines[number]
        else:
            lines[number] = lines[number][: dice.randrange(len(lines[number]) + 1)]
    return b"".join(lines)


def cut_end(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.randrange(len(content))]


def swap_columns(content: bytes, dice: random.Random) -> bytes:
    lines = content.split(b"\n")
    number = dice.randrange(len(lines))
    for place in (number, -1)[: dice.choice((1, 2))]:
        separator = next((s for s in (b"\t", b'": ', b"|", b" ") if s in lines[place]), b" ")
        cells = lines[place].split(separator)
        dice.shuffle(cells)
        lines[place] = separator.join(cells)
    return b"\n".join(lines)


def break_encoding(content: bytes, dice: random.Random) -> bytes:
    if dice.random() < 0.3:
        return content.decode("utf-8", "replace").encode(dice.choice(("utf-16", "utf-16-le")))
    if dice.random() < 0.5:
        return content.decode("utf-8", "replace").encode("latin-1", "replace")
    place = dice.randrange(len(content))
    bad = dice.choice((b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x00", b"\xef\xbb\xbf", b"\\ud800"))
    return content[:place] + bad + content[place:]


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flip_bytes,
    cut_lines,
    cut_end,
    swap_columns,
    break_encoding,
)


def held(own: OwnCorpus, folder: Path) -> int:
    """How many sentences or records a folder holds, counted in another way than the reader's."""
    kind = own.form["kind"]
    if kind == "brat":
        return len(list(folder.glob("train/*.txt")))
    if kind == "parquet":
        return 10
    content = (folder / own.entry).read_bytes()
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = content.decode(encoding).replace("\r\n", "\n")
    if kind == "conll":
        lines = [line.strip() for line in text.split("\n")]
        filled = [bool(line) and not line.startswith("-DOCSTART-") for line in lines]
        return sum(now and not before for before, now in pairwise([False, *filled]))
    if kind == "pubtator":
        return sum(bool(re.match(r"[^|\t]+\|t\|", line)) for line in text.split("\n"))
    if text.lstrip().startswith("["):
        return len(json.loads(text))
    return sum(bool(line.strip()) for line in text.split("\n"))


@pytest.mark.parametrize("name", OWN_CORPORA)
def test_damage_is_counted_or_refused(tmp_path: Path, name: str) -> None:
    own = OWN_CORPORA[name]
    dice = random.Random(f"damage/{name}")
    refused = 0
    for number in range(MUTATIONS_PER_FORM):
        folder = tmp_path / str(number)
        put_damaged(folder, own.files, MUTATIONS[number % len(MUTATIONS)], dice)
        repairs: Counter[str] = Counter()
        try:
            labels = LABELS if number % 3 else "open"
            params = own.params(labels=labels)
            read = list(stream_split("own", params, split="train", folder=folder, repairs=repairs))
        except InputError as error:
            refused += 1
            message = str(error)
            assert str(folder) in message
            assert "\n" not in message
            # What is wrong in the description of a Parquet file's columns has no row.
            place = r"(line|row) \d+|no sentence found|entities would be changed"
            assert own.form["kind"] == "parquet" or re.search(place, message), message
            continue
        assert len(read) + sum(repairs[kind] for kind in LEFT_OUT) == held(own, folder), number
        assert all(
            (word and word.split() == [word]) or " " in word for s in read for word in s.words
        )
        assert all(len(s.words) == len(s.tags) > 0 for s in read)
    assert refused > MUTATIONS_PER_FORM / 10


def put_damaged(
    folder: Path,
    files: Files,
    damage: Callable[[bytes, random.Random], bytes],
    dice: random.Random,
) -> None:
    """Write the files of a corpus, one of them damaged."""
    victim = dice.choice([name for name, content in files.items() if content])
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(damage(content, dice) if name == victim else content)
