"""The readers of all corpus formats.

A reader is called with a file, the params of its format and a counter of what it mends. It yields
the file's sentences or texts in order; an `InputError` of it names the line at fault.
"""

from collections.abc import Callable, Iterator

from gner_core.corpora.readers import parquet
from gner_core.corpora.readers.json import conversations, label_studio, spacy, spans, tagged_words
from gner_core.corpora.readers.raw import Raw
from gner_core.corpora.readers.text import brat, conll, pubtator

READERS: dict[str, Callable[..., Iterator[Raw]]] = {
    "conll": conll.read,
    "jsonl": tagged_words.read,
    "parquet": parquet.read,
    "word_spans": spans.read,
    "text_spans": spans.read,
    "label_studio": label_studio.read,
    "spacy": spacy.read,
    "brat": brat.read,
    "pubtator": pubtator.read,
    "conversations": conversations.read,
    "answers": conversations.read,
}
