"""One reader per source format; `READERS` is the whole list of formats that gner knows."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gner_core.corpora.readers import conll, jsonl
from gner_core.corpora.readers.raw import RawSentence

READERS: dict[str, Callable[[Path, Any], Iterator[RawSentence]]] = {
    "conll": conll.read,
    "jsonl": jsonl.read,
}
