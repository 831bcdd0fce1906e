"""The tables of a report: from its content to rows that are shown and saved."""

from collections.abc import Mapping, Sequence
from typing import Any

from gner_core.reports.experiment.content import EvaluationView, ReportContent, StageView
from gner_core.reports.paper import view
from gner_core.reports.paper.compared import Row as Compared
from gner_core.reports.paper.compared import RowsOfTest
from gner_core.reports.tables import (
    Cell,
    Column,
    Mark,
    Row,
    Table,
    bounds,
    nothing,
    number,
    points,
    ratio,
    share,
    text,
)
from gner_core.scoring.analysis.thresholds import ThresholdPoint, best_of

COUNTS = ("sentences", "gold", "predicted", "right")
CALLS = ("calls", "prompt tokens", "answer tokens")
ANSWERS = ("hallucinated", "unknown types", "ambiguous", "unread")
ERRORS = {
    "right": "right",
    "UE": "missed (UE)",
    "NE": "wrong type (NE)",
    "BE": "wrong boundary (BE)",
}
"""Class of Table 1 → its title."""


def scores(content: ReportContent) -> Table:
    """Return the scores of all tests, by corpus."""
    names = ("F1", "F1 low", "F1 high")
    f1 = Column(f"F1 ({100 * content.level:g} % interval)", stays=True, names=names)
    strict = any("span" in one.scores for one in content.evaluations)
    columns = [Column("corpus", number=False), Column("precision"), Column("recall"), f1]
    columns += [*([Column("strict F1")] if strict else []), *map(Column, COUNTS)]
    rows = [row for one in content.evaluations for row in _scores(one, strict=strict)]
    return Table("scores", columns, rows, "test")


def _scores(view: EvaluationView, *, strict: bool) -> list[Row]:
    found = view.scores
    span = found.get("span", {"corpora": {}})
    rows = []
    for name, one in {**found["corpora"], "mean": found["macro"]}.items():
        mean = one is found["macro"]
        counts = [Cell("", (None,))] * len(COUNTS) if mean else [number(one[key]) for key in COUNTS]
        strictly = span.get("macro") if mean else span["corpora"].get(name)
        more = [share(strictly["f1"]) if strictly else nothing()] if strict else []
        precision = ratio(one["precision"], of=mean or one["predicted"])
        recall = ratio(one["recall"], of=mean or one["gold"])
        cells = [text(name), precision, recall, _f1(one), *more, *counts]
        rows.append(Row(cells, view.title, "mean" if mean else ""))
    return rows


def _f1(scores: Mapping[str, Any]) -> Cell:
    low, high = scores["interval"]
    values = (points(scores["f1"]), points(low), points(high))
    return Cell(f"{100 * scores['f1']:.1f}", values, small=bounds(low, high))


def answers(content: ReportContent) -> Table:
    """Return what a system beside gner answered, by test and corpus."""
    columns = [Column("corpus", number=False), Column("own metric", stays=True)]
    columns += map(Column, (*CALLS, *ANSWERS))
    rows = []
    for one in content.evaluations:
        published = one.scores.get("published")
        counts = one.scores["answers"]
        for name, row in {**counts["corpora"], "all": counts["all"]}.items():
            mean = row is counts["all"]
            own = nothing()
            if published:
                own = share((published["macro"] if mean else published["corpora"][name])["f1"])
            calls = [_per_sentence(row[key], row["sentences"]) for key in CALLS]
            cells = [text(name), own, *calls, *(number(row[key]) for key in ANSWERS)]
            rows.append(Row(cells, one.title, "mean" if mean else ""))
    return Table("answers", columns, rows, "test")


def _per_sentence(count: float, sentences: int) -> Cell:
    mean = count / max(sentences, 1)
    return Cell(f"{mean:.1f}", (round(mean, 4),))


def stages(content: ReportContent) -> Table:
    """Return the recipes of the trainings and what became of them: a column each."""
    columns = [Column("", number=False, names=("training",))]
    columns += [Column(one.title, number=False) for one in content.stages]
    by_stage = [_stage(one) for one in content.stages]
    rows = [Row([text(name), *(one[name] for one in by_stage)]) for name in by_stage[0]]
    return Table("training", columns, rows)


def _stage(stage: StageView) -> dict[str, Cell]:
    recipe, summary = stage.recipe, stage.summary
    device = ", ".join(filter(None, (summary["device"], summary.get("computed_in", ""))))
    return {
        "sentences": number(summary["sentences"]),
        "left out (too long)": number(summary["left_out"]),
        "epochs": Cell(f"{recipe['epochs']}", (recipe["epochs"],)),
        "weight updates": number(summary["updates"]),
        "sentences an update": number(recipe["global_batch"]),
        "learning rate": Cell(f"{recipe['learning_rate']:g}", (recipe["learning_rate"],)),
        "schedule": text(recipe["schedule"]),
        "frozen": Cell(_frozen(recipe["frozen_layers"], stage.layers), (recipe["frozen_layers"],)),
        "device": text(device),
        **_speed(summary),
        "weights of": text(_chosen(summary["chosen"])),
    }


def _frozen(count: int, layers: int | None) -> str:
    return f"{count} of {layers} layers" if count and layers else f"{count} layers"


def _speed(summary: Mapping[str, Any]) -> dict[str, Cell]:
    """Return seconds and tokens a second; of a training that was resumed they are not known."""
    seconds = summary.get("seconds_this_attempt")
    if not seconds or summary.get("resumed_from"):
        return {"seconds": nothing(), "tokens a second": nothing()}
    tokens = number(round(summary["tokens"] / seconds)) if "tokens" in summary else nothing()
    return {"seconds": Cell(f"{seconds:,.1f}", (seconds,)), "tokens a second": tokens}


def _chosen(chosen: Mapping[str, Any]) -> str:
    if chosen["by"] == "last":
        return "the last update"
    kind = "held-out" if chosen["by"] == "held_out" else "validation"
    sentences = chosen["sentences"] - chosen["left_out"]
    return (
        f"update {chosen['update']:,}: the lowest loss, {chosen['validation_loss']:.4f}, on "
        f"{sentences:,} {kind} sentences"
    )


def errors(content: ReportContent) -> Table:
    """Return the error classes of Table 1, by test."""
    columns = [Column("test", number=False), Column("gold mentions")]
    columns += [Column(f"{title}, %") for title in ERRORS.values()]
    columns += [Column("predicted mentions"), Column("spurious")]
    rows = []
    for one in content.evaluations:
        if "errors" in one.scores:
            counts = one.scores["errors"]["all"]["counts"]
            gold = counts.get("gold", 0)
            shares = [ratio(counts.get(name, 0) / max(gold, 1), of=gold) for name in ERRORS]
            found = [number(counts.get(name, 0)) for name in ("predicted", "false positive")]
            rows.append(Row([text(one.title), number(gold), *shares, *found]))
    return Table("errors", columns, rows)


def texts(content: ReportContent) -> Table:
    """Return the share of texts with each fault that there is, by test."""
    of = "texts" if content.match else "sentences"
    absent = absent_faults(content)
    faults = [n for n in content.evaluations[0].scores["texts"] if n != "all" and n not in absent]
    columns = [Column("test", number=False), Column(of), *(Column(f"{f}, %") for f in faults)]
    rows = []
    for one in content.evaluations:
        counts = one.scores["texts"]
        shares = [share(counts[name] / max(counts["all"], 1)) for name in faults]
        rows.append(Row([text(one.title), number(counts["all"]), *shares]))
    return Table("texts", columns, rows)


def absent_faults(content: ReportContent) -> list[str]:
    """Return the faults that no text has."""
    counts = [one.scores["texts"] for one in content.evaluations]
    return [name for name in counts[0] if not any(one[name] for one in counts)]


def calibration(calibrated: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return of each test the entities and the share right of each range of confidences."""
    columns = [Column("confidence, %", number=False), Column("entities"), Column("mean, %")]
    rows = [
        Row(
            [
                text(f"{100 * one['low']:.0f}–{100 * one['high']:.0f}"),
                number(one["entities"]),
                share(one["confidence"]),
                share(one["right"]),
            ],
            test,
        )
        for test, values in calibrated.items()
        for one in values["bins"]
        if one["entities"]
    ]
    return Table("calibration", [*columns, Column("right, %", stays=True)], rows, "test")


def thresholds(curves: Mapping[str, Sequence[ThresholdPoint]]) -> Table:
    """Return counts, precision, recall and F1 of each test at every threshold."""
    columns = [Column("threshold", number=False), Column("precision"), Column("recall")]
    columns += [Column("F1", stays=True), *map(Column, ("predicted", "right", "gold"))]
    rows = []
    for test, curve in curves.items():
        best = best_of(curve)
        for point in curve:
            counts = point.counts
            cells = [Cell(f"{point.threshold:.2f}", (point.threshold,))]
            cells += [ratio(counts.precision, of=counts.predicted)]
            cells += [ratio(counts.recall, of=counts.gold), share(counts.f1)]
            cells += [number(counts.predicted), number(counts.right), number(counts.gold)]
            rows.append(Row(cells, test, "best" if point is best else ""))
    return Table("thresholds", columns, rows, "test")


def compared(title: str, test: RowsOfTest, level: float) -> Table:
    """Return our scores beside the paper's; `title` is the test's name in the experiment."""
    ours = Column(f"ours, {100 * level:g} %", stays=True, names=("ours", "ours low", "ours high"))
    rerun = any(row.rerun is not None for row in test.rows)
    columns = [Column(f"{title} ({test.test})", number=False), ours, Column("paper")]
    columns += [Column("difference"), Column("paper inside", number=False)]
    columns += [*([Column("rerun")] if rerun else []), *map(Column, test.systems)]
    rows = []
    for row in test.rows:
        cells = [*_compared(row), *([_known(row.rerun)] if rerun else [])]
        cells += [_known(row.others.get(name)) for name in test.systems]
        mark: Mark = "mean" if row.name == "mean" else "" if row.ours else "absent"
        rows.append(Row(cells, mark=mark))
    return Table(f"paper-{title}-{test.test}", columns, rows)


def _compared(row: Compared) -> list[Cell]:
    small = ""
    if row.tested is not None:
        small = f"{row.tested:,} of {row.of:,} tested"
    elif row.source.startswith("mean of"):
        small = f"of the {row.of} that were run"
    low, high = (row.ours and row.ours.interval) or (None, None)
    ours = (row.ours.value if row.ours else None, low, high)
    return [
        Cell(row.name, (row.name,), small=small),
        Cell(view.ours(row), ours, small=view.interval(row)),
        Cell(view.paper(row), (row.paper,)),
        Cell(view.difference(row), (row.difference,)),
        text(view.INSIDE[row.inside]),
    ]


def _known(value: float | None) -> Cell:
    return Cell("", (None,)) if value is None else Cell(f"{value:.1f}", (value,))


def corpora(content: ReportContent) -> Table:
    """Return the splits of the corpora; licences and repairs where there are any."""
    counts = ("sentences", "words", "entities", "types")
    repaired = any(row.counts["repairs"] for row in content.corpora)
    licensed = any(row.licence for row in content.corpora)
    texts = [*(["repairs"] if repaired else []), *(["licence"] if licensed else [])]
    columns = [Column("corpus", number=False), Column("split", number=False)]
    columns += [*map(Column, counts), *(Column(name, number=False) for name in texts)]
    rows = []
    for one in content.corpora:
        repairs = "; ".join(f"{n} {kind}" for kind, n in one.counts["repairs"].items())
        more = {"repairs": text(repairs), "licence": text(one.licence)}
        numbers = [number(one.counts[name]) for name in counts]
        rows.append(Row([text(one.corpus), text(one.split), *numbers, *(more[n] for n in texts)]))
    return Table("corpora", columns, rows)


def samples(content: ReportContent) -> Table:
    """Return what each stage and test took from each corpus."""
    counts = ("sentences", "of", "entities", "types")
    columns = [Column("corpus", number=False), *map(Column, counts)]
    rows = [
        Row([text(corpus), *(number(one[n]) for n in counts), text(one["method"])], use)
        for use, found in content.samples.items()
        for corpus, one in found.items()
    ]
    return Table("samples", [*columns, Column("method", number=False)], rows, "use")


def values(content: ReportContent) -> Table:
    """Return the values of the experiment."""
    columns = [Column(name, number=False) for name in ("setting", "value", "from")]
    rows = [
        Row([text(key), text(_value(value)), text("default" if default else "")])
        for key, value, default in content.values
    ]
    return Table("values", columns, rows)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "null" if value is None else str(value)


def steps(content: ReportContent) -> Table:
    """Return what was made, and the seconds that it took."""
    columns = [Column("step", number=False), Column("of", number=False)]
    columns += [Column("key", number=False), Column("seconds")]
    columns += [Column(name, number=False) for name in ("computed in", "made")]
    rows = [
        Row(
            [
                text(one["step"]),
                text(one["title"]),
                text(one["key"]),
                Cell(f"{one['seconds']:.1f}", (round(one["seconds"], 3),)),
                text(one.get("computed_in", "")),
                text(one["created"]),
            ]
        )
        for one in content.steps
    ]
    return Table("steps", columns, rows)
