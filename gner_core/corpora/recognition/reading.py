"""Reads a split of a corpus once and keeps what its recognition needs, not its sentences.

Large files of JSON lines are read in parts, each by a process of its own.
"""

import multiprocessing
import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from zlib import crc32

from gner_core.config.corpus import CorpusParams, Split
from gner_core.corpora.prepare import stream_split
from gner_core.corpora.readers.json.records import is_one_object_a_line
from gner_core.corpora.readers.raw import is_plain_utf8
from gner_core.corpora.splits import rank
from gner_core.corpora.statistics import Tally
from gner_core.errors import InputError
from gner_core.records import Sentence
from gner_core.runtime.cycles import no_search_for_cycles

EXAMPLES = 5
LARGE = 8_000_000
"""Bytes from which a file is read by several processes: less takes longer to begin with."""
MOST_PROCESSES = 8


@dataclass
class SplitFound:
    """What a split, or a part of it, holds."""

    tally: Tally = field(default_factory=Tally)
    repairs: Counter[str] = field(default_factory=Counter)
    examples: list[Sentence] = field(default_factory=list)
    """The first sentences that hold an entity."""
    ranks: list[bytes] = field(default_factory=list)
    """A hash of the words of each sentence."""
    tags: list[int] = field(default_factory=list)
    """A hash of the tags of each sentence."""

    @property
    def statistics(self) -> dict[str, Any]:
        """The counts of `Tally`."""
        return self.tally.as_dict()

    @property
    def labels(self) -> Mapping[str, int]:
        """The labels that occur, with their entities."""
        counts: Mapping[str, int] = self.statistics["entities_by_type"]
        return counts

    @property
    def differing(self) -> int:
        """Sentences whose words came before, with other entities."""
        first: dict[bytes, int] = {}
        pairs = zip(self.ranks, self.tags, strict=True)
        return sum(first.setdefault(words, tags) != tags for words, tags in pairs)

    def extend(self, part: "SplitFound") -> None:
        """Add the part that follows in the file."""
        self.tally.extend(part.tally)
        self.repairs.update(part.repairs)
        self.examples = [*self.examples, *part.examples][:EXAMPLES]
        self.ranks += part.ranks
        self.tags += part.tags


@dataclass(frozen=True)
class Source:
    """A split of a corpus as it is to be read, with the seed of the hashes of its sentences."""

    name: str
    params: CorpusParams
    folder: Path
    split: Split
    seed: int


def read_split(source: Source, *, most: int | None = None) -> SplitFound:
    """Read a split that has files, or its first sentences, whatever that changes.

    Raises:
        InputError: for a fault in a file, with file and line.
    """
    params = source.params.model_copy(update={"changed_at_most": 1.0})
    source = Source(source.name, params, source.folder, source.split, source.seed)
    if most is None and _has_parts(source):
        try:
            return _read_parts(source)
        except InputError:
            pass  # the file is read as a whole below, which names the line of the fault in it
    return _read(source, most)


def _read(source: Source, most: int | None) -> SplitFound:
    found = SplitFound()
    stream = stream_split(
        source.name,
        source.params,
        split=source.split,
        folder=source.folder,
        repairs=found.repairs,
    )
    with no_search_for_cycles():
        for sentence in found.tally.counting(islice(stream, most)):
            found.ranks.append(rank(sentence.words, source.seed))
            found.tags.append(crc32(" ".join(sentence.tags).encode()))
            if len(found.examples) < EXAMPLES and any(tag != "O" for tag in sentence.tags):
                found.examples.append(sentence)
    return found


def _has_parts(source: Source) -> bool:
    """Say whether a split is one large file of which each line is a record."""
    paths = [source.folder / name for name in source.params.files[source.split]]
    return (
        len(paths) == 1
        and paths[0].suffix in (".jsonl", ".json", ".ndjson")
        and paths[0].stat().st_size >= LARGE
        and is_plain_utf8(paths[0])
        and is_one_object_a_line(paths[0])
        and _processes() > 1
    )


def _read_parts(source: Source) -> SplitFound:
    (name,) = source.params.files[source.split]
    count = _processes()
    context = multiprocessing.get_context("spawn")
    found = SplitFound()
    with (
        tempfile.TemporaryDirectory(prefix="gner-parts-") as scratch,
        ProcessPoolExecutor(count, context) as pool,
    ):
        folders = _cut(source.folder / name, Path(scratch), count)
        params = source.params.model_copy(update={"files": {source.split: ("part",)}})
        parts = [
            Source(source.name, params, folder, source.split, source.seed) for folder in folders
        ]
        for part in pool.map(_read, parts, [None] * len(parts)):
            found.extend(part)
    return found


def _cut(path: Path, scratch: Path, count: int) -> list[Path]:
    """Write the parts of a file as `part` in folders of their own, cut at line ends."""
    folders = []
    size = path.stat().st_size
    with path.open("rb") as whole:
        for number in range(count):
            left = (size - whole.tell()) // (count - number)
            data = whole.read(left) + whole.readline()
            if data.strip():
                folder = scratch / str(number)
                folder.mkdir()
                (folder / "part").write_bytes(data)
                folders.append(folder)
    return folders


def _processes() -> int:
    return min(len(os.sched_getaffinity(0)), MOST_PROCESSES)
