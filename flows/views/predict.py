"""Prints the entities of `gner predict`: coloured texts and a table, JSON lines, or an HTML page."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from flows.views.tables import COLOURS, bar_of, plain_table, texts
from gner_core.predicting.entities import Entity
from gner_core.reports.entities import render_entities, stretches
from tasks.workers import Event

SURE = 0.5
"""Entities below this confidence are dimmed."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@contextmanager
def progress() -> Iterator[Callable[[Event], None]]:
    """Show a bar that counts windows of text."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with bar_of(*columns) as bar:
        task = bar.add_task("loading the model", total=None)
        yield lambda event: bar.update(
            task, description="windows of text", completed=event["done"], total=event["total"]
        )


def print_entities(
    texts: Sequence[str],
    found: Sequence[Sequence[Entity]],
    *,
    types: Sequence[str],
    form: str,
    title: str,
) -> None:
    """Print texts with their entities on standard output."""
    if form == "json":
        for text, entities in zip(texts, found, strict=True):
            line = {"text": text, "entities": [entity.values() for entity in entities]}
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    elif form == "html":
        sys.stdout.write(render_entities(texts, found, types=types, title=title) + "\n")
    else:
        console = Console()
        styles = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(types)}
        for text, entities in zip(texts, found, strict=True):
            console.print(coloured(text, entities, styles), soft_wrap=True)
        if any(found):
            console.print()
            console.print(_table(found, styles))
        else:
            console.print(Text("no entities", style="dim"))


def coloured(text: str, entities: Sequence[Entity], styles: dict[str, str]) -> Text:
    """Return a text with its entities in the colour of their type, confidence in percent behind."""
    line = Text()
    for stretch in stretches(text, entities):
        entity = stretch.entity
        if entity is None:
            line.append(_visible(stretch.text))
            continue
        colour = styles[entity.label]
        weight = "bold" if entity.confidence >= SURE else "dim"
        line.append(f"[{_visible(stretch.text)}]", style=f"{weight} {colour}")
        line.append(f"({entity.label} {100 * entity.confidence:.0f})", style=f"dim {colour}")
    return line


def _table(found: Sequence[Sequence[Entity]], styles: dict[str, str]) -> Table:
    text, start, end, confidence = (
        Column(name, justify="right") for name in ("text", "from", "to", "confidence")
    )
    table = plain_table(text, start, end, *texts("type"), confidence, "entity")
    for number, entities in enumerate(found, start=1):
        for e in entities:
            position = [str(number), str(e.start), str(e.end)]
            label = Text(e.label, style=styles[e.label])
            table.add_row(*position, label, f"{100 * e.confidence:.1f} %", Text(_visible(e.text)))
    return table


def _visible(text: str) -> str:
    """Return a text without control characters, which could act on the terminal."""
    return _CONTROL.sub("\ufffd", text)
