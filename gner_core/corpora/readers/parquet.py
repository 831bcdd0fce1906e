"""Reads Parquet and Arrow files of datasets on the hub: a row per sentence, words and tags as lists.

Integer tags get their names from the corpus' params, or else from the ClassLabel names that
`datasets` stores in the file. Faults name the row, from 1.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from gner_core.config.corpus import ParquetFormat
from gner_core.corpora.readers.json.tagged_words import named_tags
from gner_core.corpora.readers.raw import RawSentence
from gner_core.corpora.readers.tables import (
    features,
    item_of,
    names_of,
    table_rows,
    table_schema,
)
from gner_core.errors import InputError


def read(path: Path, form: ParquetFormat, _repairs: Counter[str]) -> Iterator[RawSentence]:
    """Yield the sentences of a file."""
    names = form.tag_names or class_names(path, form.tags_field, table_schema(path))
    for row, record in table_rows(path, [form.words_field, form.tags_field]):
        words, values = record[form.words_field], record[form.tags_field]
        where = f"{path}, row {row}"
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise InputError(f"{where}: {form.words_field!r} must be a list of strings")
        tags = named_tags(words, values, names, field=form.tags_field, where=where)
        yield RawSentence(words, tags, [row] * len(words))


def class_names(path: Path, column: str, schema: pa.Schema) -> tuple[str, ...] | None:
    """Return the names that `datasets` wrote into the file, None where it wrote none."""
    return names_of(item_of(features(path, schema).get(column)))
