"""The rows of a study from its record: figures with intervals over sentences and seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from gner_core.config.studies.results import ShownStudy
from gner_core.reports.results.record import Columns, PointRecord, ScoreRecord, StudyRecord
from gner_core.reports.sweep.content import (
    ERRORS,
    Cell,
    PointView,
    Row,
    SweepContent,
    rows_of,
)
from gner_core.reports.sweep.differences import (
    PAIRED,
    Counted,
    mean_with_interval,
    runs_of,
    same_sentences,
    with_differences,
)
from gner_core.scoring.analysis.draws import Interval
from gner_core.scoring.metrics.tally import Tally

MEASURED = ("seconds", "calls", "tokens")
"""Sums that are means a sentence in tables."""
METRICS = ("pair", "span", "published")


@dataclass(frozen=True)
class StudyView:
    """A study as it is shown."""

    shown: ShownStudy
    record: StudyRecord

    @cached_property
    def points(self) -> list[PointRecord]:
        """The points with all tests that are shown."""
        tests = {*self.shown.tests()}
        return [point for point in self.record.points if tests <= point.tests.keys()]

    @cached_property
    def runs(self) -> dict[tuple[str, str], Counted]:
        """Name of a point, and test → its sentences."""
        return {
            (point.name, name): _counted(test)
            for point in self.points
            for name, test in point.tests.items()
        }

    @cached_property
    def rows(self) -> list[Row]:
        """The rows of the table, with intervals, and differences to the baseline."""
        scores, plain = self.shown.scores(), self._rows_alone()
        first = next((n for n, row in enumerate(plain) if self._is_baseline(row)), None)
        if first is None:  # it is not finished
            return plain
        return with_differences(plain, scores, self.runs, self.record.scoring, to=first)

    @property
    def baseline(self) -> Row | None:
        """The row with which the others are compared; None while it is not finished."""
        return next(filter(self._is_baseline, self.rows), None)

    def _is_baseline(self, row: Row) -> bool:
        if self.shown.baseline is not None:
            return self.shown.baseline.items() <= row.labels.items()
        labels = self.record.planned[0]
        return row.labels == {axis: labels[axis] for axis in self.record.axes}

    def _rows_alone(self) -> list[Row]:
        found = rows_of(
            [_point(one) for one in self.points], show=self.shown.scores(), seeds=self.record.seeds
        )
        return [
            replace(row, cells={s: self._cell(row, s, cell) for s, cell in row.cells.items()})
            for row in found
        ]

    def _cell(self, row: Row, score: str, cell: Cell) -> Cell:
        """Return a figure with its interval over sentences and seeds, where it has one."""
        test, figure = score.split("/")
        if figure not in PAIRED or not same_sentences([row], test, self.runs):
            return cell
        side = runs_of([row], score, self.runs)
        found = mean_with_interval(side, figure, self.record.scoring)
        return replace(cell, deviation=None, interval=(found.low, found.high))

    def of_corpus(self, row: Row, test: str, corpus: str) -> Interval:
        """Return the F1 of a row on one corpus."""
        runs = {
            seed: [{corpus: rows[corpus]} for rows in some]
            for seed, some in runs_of([row], f"{test}/f1", self.runs).items()
        }
        return mean_with_interval(runs, "f1", self.record.scoring)

    @property
    def sweep(self) -> SweepContent:
        """What the figures of sweeps draw."""
        return SweepContent(
            name=self.shown.title,
            figure=self.record.figure,
            show=self.shown.show,
            axes=self.record.axes,
            seeds=self.record.seeds,
            rows=self.rows,
            missing=[", ".join(labels.values()) for labels in self.record.missing],
        )


def matching(rows: Sequence[Row], labels: Mapping[str, str]) -> list[Row]:
    """Return the rows with some labels."""
    return [row for row in rows if labels.items() <= row.labels.items()]


def name_of(labels: Mapping[str, str]) -> str:
    """Return the name of a row for people; empty where there is only one."""
    return ", ".join(labels.values())


def _point(point: PointRecord) -> PointView:
    return PointView(
        name=point.name,
        labels=point.labels,
        parameters=point.parameters,
        series=point.series,
        x=point.x,
        x_label=point.x_label,
        place={"backbone": point.model},
        scores={name: _summary(test) for name, test in point.tests.items()},
        costs={name: _costs(test) for name, test in point.tests.items()},
    )


def _counted(test: ScoreRecord) -> Counted:
    """Return what intervals and differences are drawn from."""
    counts: dict[str, dict[str, list[tuple[int, int, int]]]] = {}
    for corpus, found in test.counts.items():
        for metric, columns in found.items():
            if metric in METRICS:
                counts.setdefault(metric, {})[corpus] = _rows(columns)
                continue
            gold = columns["gold"]
            for kind in ERRORS:
                rows = zip(columns[kind], gold, gold, strict=True)
                counts.setdefault(kind, {})[corpus] = list(rows)
    return Counted(test.sentences, counts)


def _rows(columns: Columns) -> list[tuple[int, int, int]]:
    return list(zip(columns["right"], columns["predicted"], columns["gold"], strict=True))


def _summary(test: ScoreRecord) -> dict[str, Any]:
    """Return what `scoring.evaluate.summarise` says of the figures that are shown."""
    tallies = {metric: Tally(without=()) for metric in METRICS}
    for corpus, found in test.counts.items():
        for metric in METRICS:
            for row in _rows(found[metric]) if metric in found else ():
                tallies[metric].add(corpus, {"all types": row})
    scores = {name: one.scores(without=()) for name, one in tallies.items() if one.sentences}
    summary = {**scores.pop("pair"), **scores}
    errors = [found["errors"] for found in test.counts.values() if "errors" in found]
    if errors:
        names = ("gold", *ERRORS)
        counts = {name: sum(sum(columns[name]) for columns in errors) for name in names}
        summary["errors"] = {"all": {"counts": counts}}
    if test.calibration:
        summary["calibration"] = {"all": {"error": _calibration_error(test)}}
    if "hallucinated" in test.sums:
        strings = {"hallucinated": test.sums["hallucinated"], "sentences": _sentences(test)}
        summary["answers"] = {"all": strings}
    if "omitted" in test.sums:
        summary["words"] = test.sums
    return summary


def _calibration_error(test: ScoreRecord) -> float:
    bins = zip(test.calibration["confidence"], test.calibration["right"], strict=True)
    gaps = sum(abs(sure - right) for sure, right in bins)
    return gaps / max(sum(test.calibration["entities"]), 1)


def _costs(test: ScoreRecord) -> dict[str, float]:
    sentences = max(_sentences(test), 1)
    return {name: test.sums[name] / sentences for name in MEASURED if name in test.sums}


def _sentences(test: ScoreRecord) -> int:
    return sum(len(found["pair"]["gold"]) for found in test.counts.values())
