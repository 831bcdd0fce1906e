"""What was done, in a sentence, and the card of each test: what a reader sees first."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from gner_core.reports.experiment.content import EvaluationView, ReportContent

FEW = 50
"""Gold entities below which an interval says more than a score."""
NAMED = 4
"""Corpora that are named; of more, their number is said."""


class Card(NamedTuple):
    """A test, what it was tested on, and whether that has few entities."""

    view: EvaluationView
    tested: str
    few: bool


def cards(content: ReportContent) -> list[Card]:
    """Return a card for each test."""
    return [_card(view, _sample(content, view.title)) for view in content.evaluations]


def _card(view: EvaluationView, sample: Mapping[str, Mapping[str, Any]]) -> Card:
    corpora = view.scores["corpora"]
    sentences, gold = (sum(one[key] for one in corpora.values()) for key in ("sentences", "gold"))
    among = f" of {sum(one['of'] for one in sample.values()):,}" if sample else ""
    tested = f"{_named(corpora)}: {sentences:,}{among} sentences, {gold:,} entities"
    return Card(view, tested, gold < FEW)


def done(content: ReportContent) -> str:
    """Say what was trained from what, on what, and what was tested on what."""
    origins = {key: value for key, value, _ in content.values}
    trained, last = "", ""
    for stage in content.stages:
        origin = str(origins.get(f"stages.{stage.title}.from", "backbone"))
        if not trained or origin != last:
            start = content.models[0][0] if origin == "backbone" else origin
            trained += f"; {start}" if trained else start
        sample = _sample(content, stage.title)
        trained += f" → {stage.title}" + (f" on {_named(sample)}" if sample else "")
        last = stage.title
    tested = "; ".join(f"{v.title} on {_named(v.scores['corpora'])}" for v in content.evaluations)
    parts = (("Trained", trained), ("Tested", tested))
    return " ".join(f"{name}: {what}." for name, what in parts if what)


def _sample(content: ReportContent, use: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the sentences of a stage or test by corpus; uses of the same ones are listed together."""
    return next((found for uses, found in content.samples.items() if use in uses.split(", ")), {})


def _named(corpora: Collection[str]) -> str:
    return ", ".join(corpora) if len(corpora) <= NAMED else f"{len(corpora)} corpora"
