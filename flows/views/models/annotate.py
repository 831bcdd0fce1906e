"""Prints the result of `gner annotate`: types, how many entities of each, and how sure the model is."""

from collections.abc import Mapping
from typing import Any

from flows.views.output import Output
from flows.views.tables import table_of
from gner_core.predicting.faults import told

FIGURES = ("entities", "mean confidence", "below 50 %")


def table_rows(manifest: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return a row a type, as texts by column; the most frequent type first."""
    found = sorted(manifest["types"].items(), key=lambda item: (-item[1]["entities"], item[0]))
    return [{"type": name, **dict(zip(FIGURES, _figures(one), strict=True))} for name, one in found]


def _figures(one: Mapping[str, Any]) -> tuple[str, str, str]:
    mean = one["mean_confidence"]
    if mean is None:
        return f"{one['entities']:,}", "–", "–"
    return f"{one['entities']:,}", f"{mean:.2f}", f"{100 * one['unsure'] / one['entities']:.0f} %"


def print_annotation(manifest: Mapping[str, Any], *, url: str, made: int, seconds: float) -> None:
    """Print the table, what was left out, and where the output is."""
    console = Output()
    table = table_of("", ["type"], FIGURES)
    for row in table_rows(manifest):
        table.add_row(*row.values())
    console.print(table)
    entities = sum(one["entities"] for one in manifest["types"].values())
    console.print(
        f"{manifest['texts']:,} texts, {manifest['with_entities']:,} with entities, "
        f"{entities:,} entities"
    )
    if made:
        speed = f"{made / max(seconds, 1e-3):,.1f} texts/s"
        console.print(f"annotated here: {made:,} texts in {seconds:,.0f} s, {speed}")
    if manifest["not_read"]:
        first = manifest["first_not_read"][0]
        console.print(
            f"{manifest['not_read']:,} texts could not be read and have no entities, such as "
            f"{first['file']}, {first['line']}: {first['why']}"
        )
    if line := told(manifest["faults"]):
        console.print(line)
    console.print(f"output  {url}")
