"""One reader per source format; `READERS` is the whole list of formats that gner knows.

A reader is called with a file, its format's params and a counter of repairs, and yields what the
file says, in its request. It refuses what it cannot read with an `InputError` that names the line.
"""

from collections.abc import Callable, Iterator
from typing import Any

from gner_core.corpora.readers import parquet
from gner_core.corpora.readers.json import conversations as asked
from gner_core.corpora.readers.json import spans
from gner_core.corpora.readers.json import tagged_words as jsonl
from gner_core.corpora.readers.raw import Raw
from gner_core.corpora.readers.text import brat, conll, pubtator

READERS: dict[str, Callable[..., Iterator[Any]]] = {
    "conll": conll.read,
    "jsonl": jsonl.read,
    "parquet": parquet.read,
    "word_spans": spans.read_word_spans,
    "text_spans": spans.read_text_spans,
    "brat": brat.read,
    "pubtator": pubtator.read,
    "conversations": asked.read_conversations,
    "answers": asked.read_answers,
}

__all__ = ["READERS", "Raw"]
