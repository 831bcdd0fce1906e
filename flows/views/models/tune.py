"""Prints what `gner tune` found, and how to use it."""

from collections.abc import Iterator, Mapping
from typing import Any

from flows.views.output import Output
from flows.views.tables import (
    WholeTable,
    bounds,
    numbers,
    percent,
    plain_table,
    points,
    signed,
    signed_bounds,
)
from gner_core.config.systems.any import RatingParams
from gner_core.scoring.analysis.temperature import HIGHEST, LOWEST
from gner_core.scoring.metrics.tally import RATIOS


def print_fit(fit: Mapping[str, Any], *, rating: RatingParams, level: float) -> None:
    """Print the curve of the penalties, both values, and the options of `gner predict`."""
    console = Output()
    console.print(f"{fit['sentences']:,} sentences, {fit['words']:,} words")
    if fit["skipped"]:
        console.print(f"{fit['skipped']:,} more are over the limits of the model and were skipped")
    chosen, calm = fit["outside_penalty"], fit["temperature"]
    console.print("", _curve(chosen, level=level))
    gain = chosen["difference"]
    console.print(
        f"best penalty {chosen['best']:g}: F1 {signed(gain['value'])} "
        f"({signed_bounds(gain['low'], gain['high'])}) against 0; chosen: {chosen['value']:g}"
    )
    for name, values in calm.items():
        before, after = ("–" if value is None else f"{value:.4f}" for value in values)
        title, at = name.replace("_", " "), f"{fit['values']['temperature']:g}"
        console.print(f"{title}: {before}, at temperature {at} {after}")
    if fit["values"]["temperature"] in (LOWEST, HIGHEST):
        console.print(
            f"temperature {fit['values']['temperature']:g} is the end of what was tried: too few "
            "sentences, or labels that are all right or all wrong; do not rely on it",
            style="yellow",
        )
    console.print(f"options   {' '.join(_options(fit['values'], rating))}")


def _curve(chosen: Mapping[str, Any], *, level: float) -> WholeTable:
    table = plain_table(
        *numbers("penalty", "precision", "recall", "F1", f"{percent(level)} interval"),
        title="Penalties of O, in nats",
    )
    for row in chosen["curve"]:
        ratios = (points(row[name]) for name in RATIOS)
        table.add_row(f"{row['penalty']:g}", *ratios, bounds(*row["interval"]))
    return table


def _options(values: Mapping[str, float], rating: RatingParams) -> Iterator[str]:
    """Yield the options that decode with these values."""
    for name, value in {**rating.model_dump(), **values}.items():
        yield f"--{name.replace('_', '-')}"
        yield value if isinstance(value, str) else f"{value:g}"
