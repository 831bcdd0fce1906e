"""How `gner score`, `gner compare` and `gner bench matching` look: tables, and the same as JSON."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from gner_core.records import spans_of
from gner_core.scoring.analysis.calibration import Calibration
from gner_core.scoring.analysis.comparison import Comparison
from gner_core.scoring.analysis.errors import CLASSES, DENOMINATORS, Errors
from gner_core.scoring.analysis.matching_speed import Row
from gner_core.scoring.analysis.significance import MEAN
from gner_core.scoring.evaluate import metric_summary
from gner_core.scoring.files import FileScores, FileScoring
from gner_core.scoring.metrics.partial import SCHEMES
from gner_core.scoring.metrics.tally import RATIOS
from gner_core.scoring.scored import Scored

TITLES = {
    "pair": "the paper's metric: unique pairs of text and type",
    "span": "strict spans",
}
CONFUSIONS = 12


@contextmanager
def progress() -> Iterator[Callable[[int], None]]:
    """Show a line that counts sentences while a file is scored; silent where nobody looks."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} sentences"), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("score", total=None)
        yield lambda sentences: bar.update(task, completed=sentences)


def print_scores(scores: FileScores, setup: FileScoring, *, types: bool) -> None:
    """Print a table per metric, then errors and faults where they were counted."""
    console = Console()
    back = "with" if setup.match.back_tokenization else "without"
    console.print(
        f"{scores.texts['all']:,} sentences, mode {setup.match.mode}, {back} back tokenization"
    )
    for name, tally in scores.tallies.items():
        summary = metric_summary(tally, setup.scoring)
        left_out = f", without {', '.join(sorted(tally.without))}" if tally.without else ""
        title = f"{name}: {TITLES[name]}{left_out}"
        console.print(_metric_table(title, summary, level=setup.scoring.level))
        if "without" in summary:
            names = ", ".join(summary["without"]["types"])
            mean = points(summary["without"]["macro"]["f1"])
            console.print(f"mean F1 without {escape(names)}: {mean}")
        if types:
            console.print(_type_table(name, summary["corpora"]))
    if scores.partial.counts:
        console.print(_partial_table(scores.partial.values()))
    if scores.calibration.total:
        console.print(_calibration_table(scores.calibration))
        console.print(f"expected calibration error: {points(scores.calibration.error)}")
    if setup.errors:
        console.print(_error_table(scores.errors))
        console.print(_share_table(scores.errors))
        console.print(_confusion_table(scores.errors))
        console.print(_fault_table(scores))
        for name, examples in scores.examples.items():
            console.print(f"[bold]Words {name}[/]")
            for words, written in examples:
                console.print(f"  raw  {escape(words)}\n  text {escape(written)}")


def print_json(scores: FileScores, setup: FileScoring) -> None:
    """Print everything that was counted."""
    result: dict[str, Any] = {
        name: metric_summary(tally, setup.scoring) for name, tally in scores.tallies.items()
    }
    if scores.partial.counts:
        result["partial"] = scores.partial.values()
    if scores.errors:
        result["errors"] = {name: errors.values() for name, errors in scores.errors.items()}
    if scores.calibration.total:
        result["calibration"] = scores.calibration.values()
    result |= {"texts": dict(scores.texts), "words": dict(scores.words)}
    print(json.dumps(result, indent=1, ensure_ascii=False))  # noqa: T201  # this is the output


def print_comparison(comparison: Comparison, *, level: float, show: int, as_json: bool) -> None:
    """Print the differences and the sentences that changed most."""
    if as_json:
        changes = [{"id": c.a.id, "gain": c.gain} for c in comparison.changes]
        differences = {name: asdict(d) for name, d in comparison.differences.items()}
        result = {"differences": differences, "changes": changes, "sentences": comparison.sentences}
        print(json.dumps(result, indent=1, ensure_ascii=False))  # noqa: T201
        return
    console = Console()
    numbers = ("A", "B", "B - A", percent(level), "p")
    table = empty_table("F1 in points: B against A", ("corpus",), numbers)
    for name, d in comparison.differences.items():
        row = (points(d.a), points(d.b), f"{100 * d.value:+.2f}")
        bounds = f"{100 * d.low:+.2f} … {100 * d.high:+.2f}"
        style = "bold" if name == MEAN else None
        table.add_row(escape(name), *row, bounds, f"{d.p:.3f}", style=style)
    console.print(table)
    better = sum(change.gain > 0 for change in comparison.changes)
    worse = sum(change.gain < 0 for change in comparison.changes)
    console.print(
        f"{len(comparison.changes):,} of {comparison.sentences:,} sentences changed: "
        f"{better} gained right entities, {worse} lost some"
    )
    for change in comparison.changes[:show]:
        console.print(f"\n[bold]{escape(change.a.id)}[/]  {escape(' '.join(change.a.words))}")
        console.print(f"  gold  {_entities(change.a.words, change.a.gold)}")
        console.print(f"  A     {_predicted(change.a)}")
        console.print(f"  B     {_predicted(change.b)}")


def print_bench(rows: Sequence[Row]) -> None:
    """Print Table 5 of the paper: microseconds a pair, and how many times faster than plain."""
    title = "Matching: microseconds a sentence (times faster than plain)"
    numbers = ("number", "plain O(N²)", "paper O(N log N)", "gner")
    table = empty_table(title, ("words", "pairs"), numbers)
    for row in rows:
        times = [f"{time:,.1f} ({row.plain / time:,.0f}×)" for time in (row.paper, row.gner)]
        table.add_row(
            f"{row.low}–{row.high}", row.which, f"{row.pairs:,}", f"{row.plain:,.1f}", *times
        )
    Console().print(table)


def points(share: float) -> str:
    """Return a share (0 to 1) in points."""
    return f"{100 * share:.2f}"


def percent(level: float) -> str:
    """Return the level of an interval, such as `95 %`."""
    return f"{100 * level:g} %"


def empty_table(title: str, texts: Sequence[str], numbers: Sequence[str]) -> Table:
    """Return an empty table whose columns of numbers stand right."""
    table = Table(
        title=escape(title),
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    for column in texts:
        table.add_column(column, no_wrap=True)
    for column in numbers:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _metric_table(title: str, summary: Mapping[str, Any], *, level: float) -> Table:
    numbers = ("texts", "gold", "found", "right", "P", "R", "F1", percent(level))
    table = empty_table(title, ("corpus",), numbers)
    for name, row in summary["corpora"].items():
        counts = [f"{row[key]:,}" for key in ("sentences", "gold", "predicted", "right")]
        ratios = [points(row[key]) for key in RATIOS]
        table.add_row(escape(name), *counts, *ratios, _interval(row))
    table.add_section()
    mean, micro = summary["macro"], summary["micro"]
    table.add_row(
        MEAN, *[""] * 4, *[points(mean[k]) for k in RATIOS], _interval(mean), style="bold"
    )
    counts = [f"{micro[key]:,}" for key in ("gold", "predicted", "right")]
    table.add_row("all together", "", *counts, *[points(micro[k]) for k in RATIOS], "")
    return table


def _interval(row: Mapping[str, Any]) -> str:
    low, high = row["interval"]
    return f"{100 * low:.1f}–{100 * high:.1f}"


def _type_table(metric: str, corpora: Mapping[str, Any]) -> Table:
    numbers = ("gold", "found", "right", "P", "R", "F1")
    table = empty_table(f"{metric}: by type", ("corpus", "type"), numbers)
    for corpus, row in corpora.items():
        for name, one in row["types"].items():
            counts = [f"{one[key]:,}" for key in ("gold", "predicted", "right")]
            table.add_row(escape(corpus), escape(name), *counts, *[points(one[k]) for k in RATIOS])
        table.add_section()
    return table


def _partial_table(corpora: Mapping[str, Any]) -> Table:
    table = empty_table("partial: F1 in the sense of SemEval 2013", ("corpus",), SCHEMES)
    for corpus, schemes in corpora.items():
        table.add_row(escape(corpus), *[points(one["f1"]) for one in schemes.values()])
    return table


def _calibration_table(calibration: Calibration) -> Table:
    table = empty_table("Entities by confidence", ("confidence",), ("entities", "mean", "right"))
    for row in calibration.values()["bins"]:
        if row["entities"]:
            shares = points(row["confidence"]), points(row["right"])
            bounds = f"{100 * row['low']:.0f}–{100 * row['high']:.0f}"
            table.add_row(bounds, f"{row['entities']:,}", *shares)
    return table


def _error_table(errors: Mapping[str, Errors]) -> Table:
    numbers = ("gold", "right", *CLASSES, "NE+", "false")
    title = "Errors (Table 1). NE+: NE whose words differ too. false: found where nothing is"
    table = empty_table(title, ("corpus",), numbers)
    for corpus, one in errors.items():
        names = ("gold", "right", *CLASSES, "NE, boundary wrong too", "false positive")
        table.add_row(escape(corpus), *[f"{one.counts[name]:,}" for name in names])
    return table


def _share_table(errors: Mapping[str, Errors]) -> Table:
    numbers = [f"{name}/{of[0]}" for of in DENOMINATORS for name in CLASSES]
    title = "Errors in percent of gold (g), of the union of gold and found (u), of words (w)"
    table = empty_table(title, ("corpus",), numbers)
    for corpus, one in errors.items():
        shares = one.values()["shares"]
        cells = [f"{100 * shares[name][of]:.1f}" for of in DENOMINATORS for name in CLASSES]
        table.add_row(escape(corpus), *cells)
    return table


def _confusion_table(errors: Mapping[str, Errors]) -> Table:
    title = f"The {CONFUSIONS} most frequent confusions (O: no entity)"
    table = empty_table(title, ("corpus", "gold", "found"), ("entities",))
    wrong = [
        (count, corpus, *pair)
        for corpus, one in errors.items()
        for pair, count in one.confusion.items()
        if pair[0] != pair[1]
    ]
    for count, *names in sorted(wrong, reverse=True)[:CONFUSIONS]:
        table.add_row(*map(escape, names), f"{count:,}")
    return table


def _fault_table(scores: FileScores) -> Table:
    title = "Texts (Table 9): a text can be in several rows"
    table = empty_table(title, ("fault",), ("number", "percent"))
    texts = scores.texts["all"]
    for name, count in scores.texts.items():
        table.add_row(name, f"{count:,}", f"{100 * count / max(texts, 1):.1f}")
    table.add_section()
    changed = scores.words.total()
    for name, count in scores.words.items():
        table.add_row(f"words {name}", f"{count:,}", f"{100 * count / max(changed, 1):.1f}")
    return table


def _predicted(scored: Scored) -> str:
    return _entities(scored.written or scored.words, scored.predicted)


def _entities(words: Sequence[str], tags: Sequence[str]) -> str:
    found = [
        f"{escape(' '.join(words[s.start : s.end]))} [dim]{escape(s.label)}[/]"
        for s in spans_of(tags)
    ]
    return "; ".join(found) or "–"
