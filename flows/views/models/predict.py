"""Prints the entities of `gner predict`: coloured texts and a table, JSON lines, or an HTML page."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.text import Text

from flows.views.output import Output, json_text, visible
from flows.views.tables import COLOURS, WholeTable, bar_of, numbers, plain_table
from gner_core.predicting.display import is_sure, stretches
from gner_core.predicting.entities import Entity
from gner_core.reports.entities import render_entities
from tasks.workers import Event, TimeLeft


@contextmanager
def progress() -> Iterator[Callable[[Event], None]]:
    """Show a bar that counts windows of text."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with bar_of(*columns) as bar:
        task, left = bar.add_task("loading the model", total=None, left=""), TimeLeft()

        def show(event: Event) -> None:
            now = {"completed": event["done"], "total": event["total"], "left": left(event)}
            bar.update(task, description="windows of text", **now)

        yield show


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
            line = {"text": text, "entities": [entity.to_dict() for entity in entities]}
            sys.stdout.write(json_text(line) + "\n")
    elif form == "html":
        page = render_entities(texts, found, types=types, title=title)
        sys.stdout.buffer.write(f"{page}\n".encode())  # as the page says, whatever a terminal reads
    else:
        console = Output()
        styles = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(types)}
        for text, entities in zip(texts, found, strict=True):
            console.print(coloured(text, entities, styles))
        if any(found):
            console.print()
            console.print(_table(found, styles))
        else:
            console.print(Text("no entities", style="dim"))


def coloured(text: str, entities: Sequence[Entity], styles: dict[str, str]) -> Text:
    """Return a text with its entities in the colour of their type, behind them confidence in percent."""
    line = Text()
    for stretch in stretches(text, entities):
        entity = stretch.entity
        if entity is None:
            line.append(visible(stretch.text))
            continue
        colour = styles[entity.label]
        sure = entity.confidence
        weight = "bold" if is_sure(entity) else "dim"
        line.append(f"[{visible(stretch.text)}]", style=f"{weight} {colour}")
        percent = "" if sure is None else f" {100 * sure:.0f}"
        line.append(f"({entity.label}{percent})", style=f"dim {colour}")
    return line


def _table(found: Sequence[Sequence[Entity]], styles: dict[str, str]) -> WholeTable:
    rated = any(e.confidence is not None for entities in found for e in entities)
    where = numbers("text", "from", "to")
    confidence = numbers("confidence") if rated else ()
    table = plain_table(*where, "type", *confidence, "entity")
    for number, entities in enumerate(found, start=1):
        for e in entities:
            position = [str(number), str(e.start), str(e.end)]
            label = Text(e.label, style=styles[e.label])
            sure = [] if e.confidence is None else [f"{100 * e.confidence:.1f} %"]
            table.add_row(*position, label, *sure, Text(visible(e.text)))
    return table
