"""The readers of all corpus formats.

A reader is called with a file, the params of its format and a counter of repairs. It yields the
file's sentences or texts in order, and raises an `InputError` that names the line at fault.
"""

from collections.abc import Callable, Iterator
from typing import Any

from gner_core.corpora.readers import parquet
from gner_core.corpora.readers.json import conversations, spans, tagged_words
from gner_core.corpora.readers.raw import Raw
from gner_core.corpora.readers.text import brat, conll, pubtator

READERS: dict[str, Callable[..., Iterator[Any]]] = {
    "conll": conll.read,
    "jsonl": tagged_words.read,
    "parquet": parquet.read,
    "word_spans": spans.read_word_spans,
    "text_spans": spans.read_text_spans,
    "brat": brat.read,
    "pubtator": pubtator.read,
    "conversations": conversations.read_conversations,
    "answers": conversations.read_answers,
}

__all__ = ["READERS", "Raw"]
