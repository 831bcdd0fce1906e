"""Reads the rows of Parquet files, and of Arrow files as `datasets` saves them, as mappings.

`datasets` describes the columns in the file: integers of a ClassLabel stand for names. Faults name
the row, from 1.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gner_core.errors import InputError

STARTS = (b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")
"""First bytes of Parquet files, Arrow files and Arrow streams."""
_BATCH = 1024


def is_table(path: Path) -> bool:
    """Say whether a file is a Parquet or Arrow file, by its first bytes."""
    try:
        with path.open("rb") as file:
            return file.read(8).startswith(STARTS)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def table_schema(path: Path) -> pa.Schema:
    """Return names and types of the columns, with what `datasets` says about them."""
    with _faults(path, [0]), _opened(path) as table:
        return table.schema_arrow if isinstance(table, pq.ParquetFile) else table.schema


def table_rows(
    path: Path, columns: Sequence[str] | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (row, value by column) of all columns or of those named.

    Raises:
        InputError: for a damaged file or a missing column.
    """
    known = table_schema(path).names
    for column in columns or ():
        if column not in known:
            raise InputError(f"{path}: no column {column!r}; there are: {', '.join(known)}")
    row = [0]
    with _faults(path, row), _opened(path) as table:
        for batch in _batches(table, columns):
            batch.validate(full=True)  # a damaged file may hold texts that are not UTF-8
            for values in batch.to_pylist():
                row[0] += 1
                yield row[0], values
        if isinstance(table, pq.ParquetFile) and row[0] != table.metadata.num_rows:
            raise InputError(f"{path}: holds {row[0]} rows, but says {table.metadata.num_rows}")


def named_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of `table_rows`; inside objects, a ClassLabel's integers become its names."""
    described = features(path, table_schema(path))
    nested = {name: one for name, one in described.items() if _holds_named_objects(one)}
    for row, values in table_rows(path):
        yield row, {**values, **{name: _named(values[name], one) for name, one in nested.items()}}


def features(path: Path, schema: pa.Schema) -> dict[str, Any]:
    """Return what `datasets` says about each column; nothing where it did not write the file."""
    said = (schema.metadata or {}).get(b"huggingface")
    try:
        known = json.loads(said)["info"]["features"] if said else {}
        return {name: known[name] for name in schema.names if name in known}
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: its description of columns is damaged ({error!r})") from None


def item_of(feature: Any) -> Any:
    """Return the feature of the items of a list, None for what is no list."""
    if isinstance(feature, list):
        return feature[0] if feature else None
    return feature.get("feature") if isinstance(feature, dict) else None


def names_of(feature: Any) -> tuple[str, ...] | None:
    """Return the names of a ClassLabel, None for another feature."""
    names = feature.get("names") if isinstance(feature, dict) else None
    return tuple(map(str, names)) if isinstance(names, list) else None


def _holds_named_objects(feature: Any) -> bool:
    inside = item_of(feature) or feature
    if not isinstance(inside, dict) or "_type" in inside:
        return False
    return any(names_of(item_of(one) or one) for one in inside.values())


def _named(value: Any, feature: Any) -> Any:
    """Return a value with names in the place of integers."""
    names = names_of(feature)
    if names:
        return names[value] if isinstance(value, int) and 0 <= value < len(names) else value
    if isinstance(value, list):
        return [_named(one, item_of(feature)) for one in value]
    if isinstance(value, dict) and isinstance(feature, dict):
        return {key: _named(one, feature.get(key)) for key, one in value.items()}
    return value


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(STARTS[2]):
        with pa.OSFile(str(path)) as source, pa.ipc.open_stream(source) as stream:
            yield stream
    elif start.startswith(STARTS[1]):
        with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as arrow:
            yield arrow
    else:
        with pq.ParquetFile(path, page_checksum_verification=True) as parquet:
            yield parquet


def _batches(table: Any, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    if isinstance(table, pq.ParquetFile):
        yield from table.iter_batches(batch_size=_BATCH, columns=columns)
        return
    batches = (
        (table.get_batch(number) for number in range(table.num_record_batches))
        if isinstance(table, pa.ipc.RecordBatchFileReader)
        else table
    )
    for batch in batches:
        yield batch.select(list(columns)) if columns else batch


@contextmanager
def _faults(path: Path, row: Sequence[int]) -> Iterator[None]:
    """Turn faults of pyarrow into a message; `row` holds the last sound one."""
    try:
        yield
    except (OSError, UnicodeError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        kind = "Parquet" if path.suffix != ".arrow" else "Arrow"
        raise InputError(
            f"{path}, behind row {row[0]}: not a sound {kind} file ({reason})"
        ) from None
