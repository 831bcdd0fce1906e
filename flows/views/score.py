"""Prints the results of `gner score`, `gner compare` and `gner beams`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from flows.views.data import repairs
from flows.views.output import Output
from flows.views.tables import (
    WholeTable,
    bar_of,
    bounds,
    percent,
    points,
    signed,
    signed_bounds,
    table_of,
)
from gner_core.records import spans_of
from gner_core.scoring.analysis.beams import KINDS, BeamStudy, Case
from gner_core.scoring.analysis.calibration import Calibration
from gner_core.scoring.analysis.comparison import Comparison
from gner_core.scoring.analysis.errors import CLASSES, DENOMINATORS, Errors
from gner_core.scoring.analysis.significance import MEAN
from gner_core.scoring.analysis.thresholds import ThresholdPoint, best_of
from gner_core.scoring.evaluate import metric_summary
from gner_core.scoring.file_pairs import Notes
from gner_core.scoring.files import FileScores, FileScoring
from gner_core.scoring.metrics.partial import SCHEMES
from gner_core.scoring.metrics.tally import RATIOS
from gner_core.scoring.scored import Scored

TITLES = {
    "pair": "the paper's metric: unique pairs of text and type",
    "span": "strict spans",
    "published": "the metric of the system's authors",
}
CONFUSIONS = 12
PROBLEMS = 5
"""Doubts about a file that are named."""
COUNTS = ("gold", "predicted", "right")
WORDS_AROUND = 4
"""Words that are shown before and behind those that change."""
STYLES = {"wrong → right": "green", "right → wrong": "red", "wrong → wrong": "yellow"}


@contextmanager
def progress() -> Iterator[Callable[[int], None]]:
    """Show a line that counts sentences while a file is scored."""
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} sentences"), TimeElapsedColumn())
    with bar_of(*columns) as bar:
        task = bar.add_task("sentences scored", total=None)
        yield lambda sentences: bar.update(task, completed=sentences)


def print_scores(
    scores: FileScores, setup: FileScoring, *, by_type: bool, matched: bool = False
) -> None:
    """Print a table per metric, then errors and faults where they were counted.

    `matched` says that labels were found by matching texts with sentences; then it is said how.
    """
    console = Output()
    back = "with" if setup.match.back_tokenization else "without"
    how = f", mode {setup.match.mode}, {back} back tokenization" if matched else ""
    console.print(f"{scores.texts['all']:,} sentences{how}")
    if skipped := scores.texts["skipped"]:
        console.print(f"{skipped:,} sentences are over the limits of the model and were skipped")
    for name, tally in scores.tallies.items():
        summary = metric_summary(tally, setup.scoring)
        told_apart = name != "published"  # it does not tell types apart
        without = sorted(setup.without) if told_apart else ()
        left_out = f", without {', '.join(without)}" if without else ""
        title = f"{name}: {TITLES[name]}{left_out}"
        console.print("", _metric_table(title, summary, level=setup.scoring.level))
        if "without" in summary:
            names = ", ".join(summary["without"]["types"])
            mean = points(summary["without"]["macro"]["f1"])
            console.print(f"mean F1 without {names}: {mean}")
        if by_type and told_apart:
            console.print("", _type_table(name, summary["corpora"]))
    if scores.partial.counts:
        console.print("", _partial_table(scores.partial.values()))
    if scores.calibration.total:
        console.print("", _calibration_table(scores.calibration))
        console.print(f"expected calibration error: {points(scores.calibration.error)}")
        curve = scores.thresholds.curve()
        console.print("", _threshold_table(curve))
        best = best_of(curve)
        console.print(
            f"highest F1: {points(best.counts.f1)} at {best.threshold:.2f}, a threshold "
            "that is chosen on these very sentences"
        )
    if setup.errors:
        console.print("", _error_table(scores.errors))
        console.print("", _share_table(scores.errors))
        console.print("", _confusion_table(scores.errors))
    if setup.errors and matched:
        _print_faults(scores, console)
    print_doubts(scores, setup, console)


def print_doubts(scores: FileScores, setup: FileScoring, console: Output) -> None:
    """Print what makes scores doubtful, and what reading the files found, a line each."""
    print_lines(scores.doubts(setup), console)
    for notes in scores.notes:
        for line in noted(notes):
            console.print(line)


def print_lines(doubts: Sequence[str], console: Output) -> None:
    """Print what is doubtful, a line each."""
    for line in doubts:
        console.print(Text(f"look at: {line}", style="yellow"))


def noted(notes: Notes) -> Iterator[Text]:
    """Yield what reading a file changed in it, and what is doubtful about it."""
    for line in repairs(notes.repairs):
        yield Text.assemble(f"{notes.file}: ", line, style="yellow")
    for problem in notes.problems[:PROBLEMS]:
        yield Text(f"look at: {problem}", style="yellow")
    more = len(notes.problems) - PROBLEMS
    if more > 0:
        yield Text(f"{more:,} more; all of them: gner data check {notes.file}", style="yellow")


def _print_faults(scores: FileScores, console: Output) -> None:
    console.print("", _fault_table(scores))
    for name, examples in scores.examples.items():
        if examples:
            console.print(f"\nWords {name}", style="bold")
        for words, written in examples:
            console.print(f"  raw  {words}\n  text {written}")


def score_values(scores: FileScores, setup: FileScoring) -> dict[str, Any]:
    """Return everything that was counted, for JSON."""
    result: dict[str, Any] = {
        name: metric_summary(tally, setup.scoring) for name, tally in scores.tallies.items()
    }
    if scores.partial.counts:
        result["partial"] = scores.partial.values()
    if scores.errors:
        result["errors"] = {name: errors.values() for name, errors in scores.errors.items()}
    if scores.calibration.total:
        result["calibration"] = scores.calibration.values()
        result["thresholds"] = scores.thresholds.values()
    if scores.answers:
        return result | {"texts": dict(scores.texts), "answers": dict(scores.answers)}
    return result | {"texts": dict(scores.texts), "words": dict(scores.words)}


def comparison_values(comparison: Comparison) -> dict[str, Any]:
    """Return the differences and which sentences changed, for JSON."""
    return {
        "differences": {name: asdict(d) for name, d in comparison.differences.items()},
        "changes": [{"id": c.a.id, "gain": c.gain} for c in comparison.changes],
        "sentences": comparison.sentences,
    }


def print_comparison(comparison: Comparison, *, level: float, show: int) -> None:
    """Print the differences and the sentences that changed most."""
    console = Output()
    figures = ("A", "B", "B - A", percent(level), "p")
    table = table_of("F1 in points: B against A", ["corpus"], figures)
    for name, d in comparison.differences.items():
        row = (points(d.a), points(d.b), signed(d.value), signed_bounds(d.low, d.high))
        style = "bold" if name == MEAN else None
        table.add_row(name, *row, f"{d.p:.3f}", style=style)
    console.print(table)
    better = sum(change.gain > 0 for change in comparison.changes)
    worse = sum(change.gain < 0 for change in comparison.changes)
    console.print(
        f"{len(comparison.changes):,} of {comparison.sentences:,} sentences changed: "
        f"{better} gained right entities, {worse} lost some"
    )
    for change in comparison.changes[:show]:
        console.print(Text(f"\n{change.a.id}", style="bold"), " ".join(change.a.words))
        console.print("  gold ", _entities(change.a.words, change.a.gold))
        console.print("  A    ", _predicted(change.a))
        console.print("  B    ", _predicted(change.b))
    print_lines(comparison.doubts, console)


def study_values(study: BeamStudy) -> dict[str, Any]:
    """Return scores, counts and every case, for JSON."""
    return {
        "sentences": study.sentences,
        "beams": {name: asdict(column) for name, column in study.columns.items()},
        "counts": study.counts(),
        "cases": [case.values() for case in study.cases],
    }


def print_study(study: BeamStudy, *, level: float, show: int) -> None:
    """Print Table 7, how many sentences change, and `show` cases of each beam and kind (Table 10)."""
    console = Output()
    console.print(_beam_table(study, level=level))
    counts = table_of("Sentences whose entities change", ["beam"], (*KINDS, "all"))
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


def _metric_table(title: str, summary: Mapping[str, Any], *, level: float) -> WholeTable:
    figures = ("texts", "gold", "found", "right", "P", "R", "F1", percent(level))
    table = table_of(title, ["corpus"], figures)
    for name, row in summary["corpora"].items():
        counts = [f"{row[key]:,}" for key in ("sentences", "gold", "predicted", "right")]
        ratios = [points(row[key]) for key in RATIOS]
        table.add_row(name, *counts, *ratios, bounds(*row["interval"]))
    table.add_section()
    mean, micro = summary["macro"], summary["micro"]
    table.add_row(
        MEAN, *[""] * 4, *[points(mean[k]) for k in RATIOS], bounds(*mean["interval"]), style="bold"
    )
    counts = [f"{micro[key]:,}" for key in COUNTS]
    table.add_row("all together", "", *counts, *[points(micro[k]) for k in RATIOS], "")
    return table


def _type_table(metric: str, corpora: Mapping[str, Any]) -> WholeTable:
    figures = ("gold", "found", "right", "P", "R", "F1")
    table = table_of(f"{metric}: by type", ("corpus", "type"), figures)
    for corpus, row in corpora.items():
        for name, one in row["types"].items():
            counts = [f"{one[key]:,}" for key in COUNTS]
            table.add_row(corpus, name, *counts, *[points(one[k]) for k in RATIOS])
        table.add_section()
    return table


def _partial_table(corpora: Mapping[str, Any]) -> WholeTable:
    table = table_of("partial: F1 in the sense of SemEval 2013", ["corpus"], SCHEMES)
    for corpus, schemes in corpora.items():
        table.add_row(corpus, *[points(one["f1"]) for one in schemes.values()])
    return table


def _calibration_table(calibration: Calibration) -> WholeTable:
    table = table_of("Entities by confidence", ("confidence",), ("entities", "mean", "right"))
    for row in calibration.values()["bins"]:
        if row["entities"]:
            shares = points(row["confidence"]), points(row["right"])
            confidence = f"{100 * row['low']:.0f}–{100 * row['high']:.0f}"
            table.add_row(confidence, f"{row['entities']:,}", *shares)
    return table


def _threshold_table(curve: Sequence[ThresholdPoint]) -> WholeTable:
    title = "pair, all corpora together: entities of at least some confidence"
    table = table_of(title, ("confidence",), ("found", "right", "P", "R", "F1"))
    for threshold, counts in curve:
        precision = points(counts.precision) if counts.predicted else "–"
        ratios = precision, points(counts.recall), points(counts.f1)
        found = f"{counts.predicted:,}", f"{counts.right:,}"
        table.add_row(f"{threshold:.2f}", *found, *ratios)
    return table


def _error_table(errors: Mapping[str, Errors]) -> WholeTable:
    figures = ("gold", "right", *CLASSES, "NE+", "false")
    title = "Errors (Table 1). NE+: NE whose words differ too. false: found where nothing is"
    table = table_of(title, ["corpus"], figures)
    for corpus, one in errors.items():
        names = ("gold", "right", *CLASSES, "NE, boundary wrong too", "false positive")
        table.add_row(corpus, *[f"{one.counts[name]:,}" for name in names])
    return table


def _share_table(errors: Mapping[str, Errors]) -> WholeTable:
    figures = [f"{name}/{of[0]}" for of in DENOMINATORS for name in CLASSES]
    title = "Errors in percent of gold (g), of the union of gold and found (u), of words (w)"
    table = table_of(title, ["corpus"], figures)
    for corpus, one in errors.items():
        shares = one.values()["shares"]
        cells = [f"{100 * shares[name][of]:.1f}" for of in DENOMINATORS for name in CLASSES]
        table.add_row(corpus, *cells)
    return table


def _confusion_table(errors: Mapping[str, Errors]) -> WholeTable:
    title = f"The {CONFUSIONS} most frequent confusions (O: no entity)"
    table = table_of(title, ("corpus", "gold", "found"), ("entities",))
    wrong = [
        (count, corpus, *pair)
        for corpus, one in errors.items()
        for pair, count in one.confusion.items()
        if pair[0] != pair[1]
    ]
    for count, *names in sorted(wrong, reverse=True)[:CONFUSIONS]:
        table.add_row(*names, f"{count:,}")
    return table


def _fault_table(scores: FileScores) -> WholeTable:
    title = "Texts (Table 9): a text can be in several rows"
    table = table_of(title, ("fault",), ("number", "percent"))
    texts = scores.texts["all"]
    for name, count in scores.texts.items():
        table.add_row(name, f"{count:,}", f"{100 * count / max(texts, 1):.1f}")
    table.add_section()
    changed = scores.words.total()
    for name, count in scores.words.items():
        table.add_row(f"words {name}", f"{count:,}", f"{100 * count / max(changed, 1):.1f}")
    return table


def _predicted(scored: Scored) -> Text:
    return _entities(scored.written or scored.words, scored.predicted)


def _entities(words: Sequence[str], tags: Sequence[str]) -> Text:
    found = [
        Text.assemble(" ".join(words[s.start : s.end]), " ", (s.label, "dim"))
        for s in spans_of(tags)
    ]
    return Text("; ").join(found) if found else Text("–")


def _beam_table(study: BeamStudy, *, level: float) -> WholeTable:
    first, *others = study.columns
    headings = [first]
    for name in others:
        headings += [name, "", "p"]
    title = f"F1 in points (Table 7), {percent(level)} intervals; differences to the first"
    table = table_of(title, ["corpus"], headings)
    for corpus in study.columns[first].scores:
        cells = []
        for column in study.columns.values():
            score = column.scores[corpus]
            cells.append(f"{points(score.value)} ({bounds(score.low, score.high)})")
            if column.differences:
                d = column.differences[corpus]
                cells += [f"{signed(d.value)} ({signed_bounds(d.low, d.high)})", f"{d.p:.3f}"]
        table.add_row(corpus, *cells, style="bold" if corpus == MEAN else None)
    return table


def _print_case(case: Case, console: Output) -> None:
    head = Text(f"\nbeam {case.name}  ", style="bold")
    head.append(case.kind, style=STYLES[case.kind])
    head.append(f"  {case.before.corpus}  {case.before.id}", style="dim")
    console.print(head)
    low, high = _changed(case.before, case.after)
    for title, tags in (
        ("gold  ", case.before.gold),
        ("before", case.before.predicted),
        ("after ", case.after.predicted),
    ):
        console.print(_line(title, case.before.words, tags, low, high))


def _changed(before: Scored, after: Scored) -> tuple[int, int]:
    """Return the words to show: those whose tags differ, and some around them."""
    pairs = zip(before.predicted, after.predicted, strict=True)
    differing = [position for position, (one, other) in enumerate(pairs) if one != other]
    end = differing[-1] + 1 + WORDS_AROUND
    return max(0, differing[0] - WORDS_AROUND), min(len(before.words), end)


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
