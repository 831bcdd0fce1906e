"""The entities of a part as a Parquet file, the rows of the output, and counts by type."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gner_core.annotating.texts import Part

ENTITIES = "entities.parquet"
UNSURE = 0.5
"""Entities below this confidence are counted apart."""
ENTITY = pa.struct(
    [
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("label", pa.string()),
        ("text", pa.string()),
        ("confidence", pa.float64()),
    ]
)
FOUND = pa.schema([("entities", pa.list_(ENTITY))])
PLACES = pa.schema(
    [("file", pa.string()), ("line", pa.int64()), ("id", pa.string()), ("text", pa.string())]
)


def write_entities(file: Path, found: Sequence[Sequence[Mapping[str, Any]] | None]) -> None:
    """Write the entities of every text of a part, null for one that could not be read."""
    pq.write_table(pa.table({"entities": found}, schema=FOUND), file, compression="zstd")


def rows_of(part: Part, file: Path) -> pa.Table:
    """Return the rows of the output: file, line, id and text of a part, with their entities."""
    columns = zip(*part.records, strict=True)
    places = pa.table(dict(zip(PLACES.names, map(list, columns), strict=True)), schema=PLACES)
    return places.append_column(FOUND.field(0), pq.read_table(file)["entities"])


@dataclass
class Counts:
    """The entities of one type."""

    entities: int = 0
    rated: int = 0
    """Those with a confidence."""
    confidence: float = 0.0
    """Sum over those."""
    unsure: int = 0
    """Those with a confidence below `UNSURE`."""

    def values(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        mean = round(self.confidence / self.rated, 6) if self.rated else None
        return {
            "entities": self.entities,
            "mean_confidence": mean,
            "unsure": self.unsure if self.rated else None,
        }


@dataclass
class Tally:
    """What was found in the rows that were added."""

    types: Iterable[str]
    """Those that were looked for, in order."""
    texts: int = 0
    with_entities: int = 0
    not_read: int = 0
    by_type: dict[str, Counts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with nothing found."""
        self.by_type = {name: Counts() for name in self.types}

    def add(self, rows: pa.Table) -> None:
        """Count the rows of a part."""
        lists = rows["entities"].combine_chunks()
        self.texts += len(lists)
        self.not_read += lists.null_count
        self.with_entities += pc.sum(pc.greater(pc.list_value_length(lists), 0)).as_py() or 0
        found = pa.Table.from_batches([pa.RecordBatch.from_struct_array(lists.flatten())])
        found = found.append_column("unsure", pc.less(found["confidence"], UNSURE))
        grouped = found.group_by("label").aggregate(
            [("label", "count"), ("confidence", "count"), ("confidence", "sum"), ("unsure", "sum")]
        )
        for row in grouped.to_pylist():
            counts = self.by_type[row["label"]]
            counts.entities += row["label_count"]
            counts.rated += row["confidence_count"]
            counts.confidence += row["confidence_sum"] or 0.0
            counts.unsure += row["unsure_sum"] or 0

    def values(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return {
            "texts": self.texts,
            "with_entities": self.with_entities,
            "not_read": self.not_read,
            "types": {name: counts.values() for name, counts in self.by_type.items()},
        }
