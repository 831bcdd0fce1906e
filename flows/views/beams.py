"""How `gner beams` looks: Table 7, the kinds of cases, and the cases as in Table 10."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from flows.views.score import empty_table, percent, points
from gner_core.scoring.analysis.beams import KINDS, BeamStudy, Case
from gner_core.scoring.analysis.significance import MEAN
from gner_core.scoring.scored import Scored

AROUND = 4
"""Words that are shown before and behind those that change."""
STYLES = {"wrong → right": "green", "right → wrong": "red", "wrong → wrong": "yellow"}


def print_study(study: BeamStudy, *, level: float, show: int, as_json: bool) -> None:
    """Print scores, counts and the first cases of each beam and kind; JSON holds every case."""
    if as_json:
        columns = {
            name: {
                "scores": {corpus: asdict(one) for corpus, one in column.scores.items()},
                "differences": {corpus: asdict(one) for corpus, one in column.differences.items()},
            }
            for name, column in study.columns.items()
        }
        result = {
            "sentences": study.sentences,
            "beams": columns,
            "counts": study.counts(),
            "cases": [case.values() for case in study.cases],
        }
        print(json.dumps(result, indent=1, ensure_ascii=False))  # noqa: T201  # this is the output
        return
    console = Console()
    _print_scores(study, console, level=level)
    counts = empty_table("Sentences whose entities change", ("beam",), (*KINDS, "all"))
    for name, kinds in study.counts().items():
        counts.add_row(name, *[f"{kinds[kind]:,}" for kind in KINDS], f"{kinds.total():,}")
    console.print(counts)
    console.print(
        f"of {study.sentences:,} sentences, each against beam {next(iter(study.columns))}"
    )
    for name in list(study.columns)[1:]:
        for kind in KINDS:
            cases = [case for case in study.cases if (case.name, case.kind) == (name, kind)]
            for case in cases[:show]:
                _print_case(case, console)


def _print_scores(study: BeamStudy, console: Console, *, level: float) -> None:
    first, *others = study.columns
    headings = [first]
    for name in others:
        headings += [name, "", "p"]
    title = f"F1 in points (Table 7), {percent(level)} intervals; differences to the first"
    shown = empty_table(title, ("corpus",), headings)
    for corpus in study.columns[first].scores:
        cells = []
        for column in study.columns.values():
            score = column.scores[corpus]
            bounds = f"{100 * score.low:.1f}–{100 * score.high:.1f}"
            cells.append(f"{points(score.value)} ({bounds})")
            if column.differences:
                d = column.differences[corpus]
                span = f"{100 * d.low:+.2f} … {100 * d.high:+.2f}"
                cells += [f"{100 * d.value:+.2f} ({span})", f"{d.p:.3f}"]
        shown.add_row(corpus, *cells, style="bold" if corpus == MEAN else None)
    console.print(shown)


def _print_case(case: Case, console: Console) -> None:
    head = Text(f"\nbeam {case.name}  ", style="bold")
    head.append(case.kind, style=STYLES[case.kind])
    head.append(f"  {case.before.corpus}  {case.before.id}", style="dim")
    console.print(head, soft_wrap=True)
    low, high = _changed(case.before, case.after)
    for title, tags in (
        ("gold  ", case.before.gold),
        ("before", case.before.predicted),
        ("after ", case.after.predicted),
    ):
        console.print(_line(title, case.before.words, tags, low, high), soft_wrap=True)


def _changed(before: Scored, after: Scored) -> tuple[int, int]:
    """Return the words to show: those whose tags differ, and some around them."""
    pairs = zip(before.predicted, after.predicted, strict=True)
    differing = [position for position, (one, other) in enumerate(pairs) if one != other]
    return max(0, differing[0] - AROUND), min(len(before.words), differing[-1] + AROUND + 1)


def _line(title: str, words: Sequence[str], tags: Sequence[str], low: int, high: int) -> Text:
    line = Text(f"  {title}  ", style="dim")
    if low:
        line.append("… ")
    for word, tag in zip(words[low:high], tags[low:high], strict=True):
        style = "dim" if tag == "O" else "not dim bold cyan"
        line.append(f"{word}({tag}) ", style=style)
    if high < len(words):
        line.append("…")
    return line
