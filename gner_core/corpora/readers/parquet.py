"""Reads Parquet files of datasets on the hub: a row per sentence, words and tags as lists.

Integer tags get their names from the corpus' params, or else from the ClassLabel names that
`datasets` stores in the file. Faults name the row, from 1.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gner_core.config.corpus import ParquetFormat
from gner_core.corpora.readers.json.tagged_words import named_tags
from gner_core.corpora.readers.raw import RawSentence
from gner_core.errors import InputError


def read(path: Path, form: ParquetFormat, _repairs: Counter[str]) -> Iterator[RawSentence]:
    """Yield the sentences of a file."""
    row = 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            names = form.tag_names or _class_names(path, form, file.schema_arrow)
            for words, values in _rows(path, form, file):
                row += 1
                where = f"{path}, row {row}"
                if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
                    raise InputError(f"{where}: {form.words_field!r} must be a list of strings")
                tags = named_tags(words, values, names, field=form.tags_field, where=where)
                yield RawSentence(words, tags, [row] * len(words))
            if row != file.metadata.num_rows:
                raise InputError(f"{path}: holds {row} rows, but says {file.metadata.num_rows}")
    except (OSError, UnicodeError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}, behind row {row}: not a sound Parquet file ({reason})") from None


def _rows(path: Path, form: ParquetFormat, file: pq.ParquetFile) -> Iterator[tuple[Any, Any]]:
    columns = [form.words_field, form.tags_field]
    known = file.schema_arrow.names
    for column in columns:
        if column not in known:
            raise InputError(f"{path}: no column {column!r}; there are: {', '.join(known)}")
    for batch in file.iter_batches(batch_size=1024, columns=columns):
        batch.validate(full=True)  # a damaged file may hold texts that are not UTF-8
        yield from zip(*(batch.column(name).to_pylist() for name in columns), strict=True)


def _class_names(path: Path, form: ParquetFormat, schema: pa.Schema) -> tuple[str, ...] | None:
    """Return the names that `datasets` wrote into the file, None where it wrote none."""
    if b"huggingface" not in (schema.metadata or {}) or form.tags_field not in schema.names:
        return None
    from datasets import Features

    try:
        features = Features.from_arrow_schema(schema)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: its description of columns is damaged ({error})") from None
    feature = getattr(features.get(form.tags_field), "feature", None)
    names = getattr(feature, "names", None)
    return tuple(names) if names else None
