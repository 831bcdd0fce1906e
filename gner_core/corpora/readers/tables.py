"""Reads the rows of Parquet files, and of Arrow files as `datasets` saves them, as mappings.

Faults name the row, from 1.
"""

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
