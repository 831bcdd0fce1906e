"""Renders a report as one HTML page without outside resources."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gner_core.predicting.display import hues
from gner_core.reports.experiment import tables
from gner_core.reports.experiment.content import ReportContent
from gner_core.reports.experiment.summary import cards, done
from gner_core.reports.experiment.types import types
from gner_core.reports.tables import bounds
from gner_core.reports.templates import templates
from gner_core.scoring.analysis.thresholds import curve_of

FOLDER = "experiment/sections"


class Section(NamedTuple):
    """A section of the page."""

    name: str
    """Of its template, and of its anchor."""
    title: str
    values: Mapping[str, Any]
    """What the template shows, beside the content."""


def render(content: ReportContent) -> str:
    """Return the page; sections without content are left out."""
    environment = templates()
    environment.filters["bounds"] = lambda interval: bounds(*interval)
    environment.filters["points"] = lambda share: f"{100 * share:.1f}"
    sections = [one for one in (*_results(content), *_how(content)) if one]
    return environment.get_template("experiment/page.html.j2").render(
        content=content,
        done=done(content),
        cards=cards(content),
        sections=sections,
        tables=tables,
        folder=FOLDER,
    )


def _results(content: ReportContent) -> list[Section | None]:
    """Return the sections on what the tests found."""
    if not content.evaluations:
        return []
    from gner_core.reports.experiment.figures import f1_panels

    views = content.evaluations
    located = any("errors" in one.scores for one in views)
    bars = f1_panels({one.title: one.scores for one in views})
    by_type = [(one.title, types(one)) for one in views]
    answered = all("answers" in one.scores for one in views)
    return [
        Section("scores", "Scores", {"bars": bars}),
        Section("answers", f"Answers of {content.system}", {}) if answered else None,
        Section("paper", "Compared with the paper", {}) if content.paper else None,
        Section("types", "Types", {"by_type": by_type, "located": located}),
        Section("errors", "Errors", {}) if located else None,
        Section("texts", "Generated texts", {}),
        _confidence(content),
        _examples(content) if content.examples else None,
    ]


def _confidence(content: ReportContent) -> Section | None:
    from gner_core.reports.experiment.figures import LEAST, reliability_panels, threshold_panels

    rated = {one.title: one.scores for one in content.evaluations if "calibration" in one.scores}
    if not rated:
        return None
    calibrated = {title: scores["calibration"]["all"] for title, scores in rated.items()}
    curves = {title: curve_of(scores["thresholds"]) for title, scores in rated.items()}
    shown = {
        "calibrated": calibrated,
        "least": LEAST,
        "curves": curves,
        "reliability": reliability_panels(calibrated),
        "over_thresholds": threshold_panels(curves),
    }
    return Section("confidence", "Confidence", shown)


def _examples(content: ReportContent) -> Section:
    """Return the section of examples: what they can be filtered by, numbered for the style sheet."""
    examples = content.examples
    by_name = [
        {"test": (one.test,), "corpus": (one.corpus,), "type": one.types, "error": one.errors}
        for one in examples
    ]
    filters = {
        name: {v: n for n, v in enumerate(sorted({v for one in by_name for v in one[name]}))}
        for name in ("test", "corpus", "type", "error")
    }
    classes = [
        " ".join(f"{name}-{filters[name][v]}" for name, values in one.items() for v in values)
        for one in by_name
    ]
    given = {
        "filters": filters,
        "tested": sum(
            row["sentences"]
            for view in content.evaluations
            if view.title in filters["test"]
            for row in view.scores["corpora"].values()
        ),
        "hues": hues([*filters["type"]]),
        "rated": any(p.confidence is not None for one in examples for p in one.predicted),
        "examples": list(zip(examples, classes, strict=True)),
    }
    return Section("examples", "Examples", given)


def _how(content: ReportContent) -> list[Section | None]:
    """Return the sections on how the results were made."""
    from gner_core.reports.experiment.figures import loss_panels

    curves = loss_panels({stage.title: stage.curve for stage in content.stages if stage.curve})
    return [
        Section("training", "Training", {"curves": curves}) if content.stages else None,
        Section("data", "Data", {}) if content.corpora or content.samples else None,
        Section("values", "Settings", {}) if content.values else None,
        Section("steps", "Steps", {}),
    ]
