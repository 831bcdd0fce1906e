"""Reads brat standoff: a text file and an `.ann` file of that name, with a line per annotation.

A discontinuous entity is taken from its first to its last character, as composite mentions of
PubTator are, and counted. Relations, events, attributes and notes are passed over and counted.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from gner_core.config.corpus import BratFormat
from gner_core.corpora.readers.raw import Mention, RawText, read_text, text_lines
from gner_core.errors import InputError

_ENTITY = re.compile(
    r"T\S*\t(?P<label>\S+) (?P<offsets>\d{1,9} \d{1,9}(?:;\d{1,9} \d{1,9})*)\t(?P<text>.*)"
)
_OTHER = re.compile(r"[REAMN#*][^\t]*\t")


def read(path: Path, _form: BratFormat, repairs: Counter[str]) -> Iterator[RawText]:
    """Yield the one passage of a text file, with the entities of its `.ann` file."""
    text = read_text(path)
    annotations = path.with_suffix(".ann")
    mentions = []
    for number, line in text_lines(annotations):
        where = f"{annotations}, line {number}"
        match = _ENTITY.fullmatch(line)
        if match:
            mentions.append(_mention(match, text, where, repairs))
        elif _OTHER.match(line):
            repairs["annotations other than entities passed over"] += 1
        elif line.strip():
            raise InputError(f"{where}: not a brat annotation: {line[:60]!r}")
    yield RawText(text, mentions, 1)


def _mention(match: re.Match[str], text: str, where: str, repairs: Counter[str]) -> Mention:
    offsets = [tuple(map(int, pair.split())) for pair in match["offsets"].split(";")]
    for start, end in offsets:
        if not start < end <= len(text):
            raise InputError(f"{where}: {start} to {end} lies outside the text's {len(text)} signs")
    covered = " ".join(text[start:end] for start, end in offsets)
    if covered.split() != match["text"].split():
        raise InputError(
            f"{where}: says {match['text'][:60]!r} where the text has {covered[:60]!r}"
        )
    if len(offsets) > 1:
        repairs["discontinuous entities taken from first to last word"] += 1
    starts, ends = zip(*offsets, strict=True)
    return Mention(min(starts), max(ends), match["label"])
