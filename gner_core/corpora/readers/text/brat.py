"""Reads brat standoff: a text file and an `.ann` file of that name, with a line per annotation.

An entity of several pieces with words between them is left out and counted. Relations, events,
attributes and notes are passed over and counted.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from gner_core.config.corpus import BratFormat
from gner_core.corpora.readers.positions import Said, in_code_points
from gner_core.corpora.readers.raw import RawText, read_text, text_lines
from gner_core.errors import InputError

_ENTITY = re.compile(
    r"T\S*\t(?P<label>\S+) (?P<offsets>\d{1,9} \d{1,9}(?:;\d{1,9} \d{1,9})*)\t(?P<text>.*)"
)
_OTHER = re.compile(r"[REAMN#*][^\t]*\t")


def read(path: Path, _form: BratFormat, repairs: Counter[str]) -> Iterator[RawText]:
    """Yield the one passage of a text file, with the entities of its `.ann` file."""
    text = read_text(path)
    annotations = path.with_suffix(".ann")
    said: list[Said] = []
    for number, line in text_lines(annotations):
        where = f"{annotations}, line {number}"
        match = _ENTITY.fullmatch(line)
        if match:
            pieces = [tuple(map(int, pair.split())) for pair in match["offsets"].split(";")]
            said.append(Said([(a, b) for a, b in pieces], match["label"], match["text"], where))
        elif _OTHER.match(line):
            repairs["annotations other than entities passed over"] += 1
        elif line.strip():
            raise InputError(f"{where}: not a brat annotation: {line[:60]!r}")
    yield RawText(text, in_code_points(text, said, repairs=repairs), 1)
