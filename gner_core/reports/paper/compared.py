"""Our scores compared with the paper's, for an experiment or for a whole table.

A model that is not in the paper is compared with the paper's nearest in size, and says so.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from gner_core.reports.paper.numbers import (
    MEAN,
    MODELS,
    RERUN,
    PaperNumber,
    Test,
    find,
    model_of,
    number,
    size_of,
)

DETAILS = "Table 11"
"""Has every corpus for every model, greedy."""
BEAMS = "Table 7"
"""Has the means over the zero-shot corpora for beam sizes 1 to 4."""
COMPARED: dict[Test, str] = {"zero-shot": "Table 2", "supervised": "Table 3"}
"""The tables with the compared systems."""
Key = tuple[str, str, str]
"""System, setting and metric of a number in a table of the paper."""
PAPERS_SPLIT = "test"
NOTHING: Mapping[str, Any] = {"corpora": {}}
"""The scores of a test that was not run."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One measured number, in the paper's units: F1 in points."""

    value: float
    interval: tuple[float, float] | None
    """Bootstrap interval; None where it is not known."""
    another: str = ""
    """Name of our model where it is not made from the paper's backbone."""
    deviation: float | None = None
    """Standard deviation over seeds, of a mean of several runs."""


@dataclass(frozen=True, slots=True)
class Row:
    """One of the paper's numbers and ours; None for what was not run, or is not in the paper."""

    name: str
    """The corpus; "mean" for the mean over corpora. Of a table: the setting."""
    ours: Measured | None
    paper: float | None
    std: float | None
    """Deviation of the paper's five runs."""
    source: str
    """Table or section of the paper's number."""
    tested: int | None = None
    """Sentences that we tested."""
    of: int | None = None
    """Sentences of the paper's test set; corpora of a mean that is not over all."""
    rerun: float | None = None
    """What a third party got with the published recipe."""
    others: Mapping[str, float] = field(default_factory=dict)
    """Compared systems."""

    @property
    def difference(self) -> float | None:
        """Ours minus the paper's, in points."""
        if self.ours is None or self.paper is None:
            return None
        return self.ours.value - self.paper

    @property
    def inside(self) -> bool | None:
        """Whether the paper's number lies within our interval."""
        if self.ours is None or self.ours.interval is None or self.paper is None:
            return None
        low, high = self.ours.interval
        return low <= self.paper <= high

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; `run` says whether we have a number."""
        return {
            **asdict(self),
            "difference": self.difference,
            "inside": self.inside,
            "run": self.ours is not None,
        }


@dataclass(frozen=True, slots=True)
class RowsOfTest:
    """One test of the paper: all its corpora, and the mean over them."""

    test: Test
    systems: Sequence[str]
    """Compared systems, in the paper's order."""
    rows: Sequence[Row]
    notes: Sequence[str]
    """Where the paper contradicts itself."""


@dataclass(frozen=True, slots=True)
class PaperComparison:
    """Scores of a model compared with the paper's."""

    backbone: str
    model: str
    """The paper's model; `size` as the paper prints it."""
    size: str
    same: bool
    """Whether it is made from the same backbone."""
    beams: int
    tests: Sequence[RowsOfTest]
    """Empty where no corpus of the paper was tested."""
    elsewhere: Sequence[str]
    """Tests that were run on another split than the paper's, and so are not compared."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        names = ("backbone", "model", "size", "same", "beams", "elsewhere")
        tests = {
            one.test: {"rows": [row.as_dict() for row in one.rows], "notes": list(one.notes)}
            for one in self.tests
        }
        return {**{name: getattr(self, name) for name in names}, "tests": tests}


def compare_with_paper(
    backbone: str,
    *,
    parameters: int,
    beams: int,
    scores: Mapping[str, Mapping[str, Any]],
    splits: Mapping[str, str],
    released: str | None = None,
) -> PaperComparison:
    """Compare scores with those of the paper's tests that they belong to.

    Args:
        backbone: its name, as in params/models/.
        released: of a checkpoint that others published, its own name in Table 2 or 3; empty where
            they do not have it. None for a model of one's own.
        scores: `scoring.evaluate.summarise` by the paper's test, one of them or both.
        splits: the split that each was run on; the paper's is "test".
    """
    if released is None:
        model, same = model_of(backbone, parameters=parameters)
        size = size_of(model)
    else:
        model, same, size = released, True, ""
    elsewhere = [test for test in COMPARED if test in scores and splits[test] != PAPERS_SPLIT]
    compared = {test: found for test, found in scores.items() if test not in elsewhere}
    tests = [
        _Counterpart(test, model, beams, is_released=released is not None).rows(
            compared.get(test, NOTHING)
        )
        for test in COMPARED
        if test in scores
    ]
    ran = any(row.ours for one in tests for row in one.rows)
    return PaperComparison(backbone, model, size, same, beams, tests if ran else (), elsewhere)


def compare_table(source: str, measured: Iterable[tuple[Key, Measured]]) -> list[Row]:
    """Return every number that the paper's own models have in a table, with ours where there is one.

    Args:
        source: "Table 1", "Table 4", "Table 6" or "Table 7".
        measured: ours, by their keys in the table; the system of a backbone is `model_of(...)`.
            Keys that are not in the table are left out.
    """
    ours: dict[Key, list[Measured | None]] = {}
    for key, one in measured:
        ours.setdefault(key, []).append(one)
    return [
        Row(f"{row.system}; {row.setting}; {row.metric}", one, row.value, row.std, source)
        for row in find_models(source)
        for one in ours.get((row.system, row.setting, row.metric), [None])
    ]


def find_models(source: str) -> Iterator[PaperNumber]:
    """Yield the rows of a table that are results of the paper's own models."""
    own = (*MODELS.values(), "Flan-T5-large (10K Pile-NER)")
    for metric in ("UE", "NE", "BE", "F1", "instances_per_s"):
        yield from (row for row in find(source, metric=metric) if row.system in own)


@dataclass(frozen=True)
class _Counterpart:
    """The paper's side of a test."""

    test: Test
    model: str
    beams: int
    is_released: bool
    """Whether the model's numbers are those of Tables 2 and 3, which have no beams."""

    def rows(self, scores: Mapping[str, Any]) -> RowsOfTest:
        """Return all corpora and their mean, with ours where they were run."""
        listed = find(DETAILS, system=next(iter(MODELS.values())), setting=self.test)
        names = [row.corpus for row in listed if row.corpus != MEAN]
        rows = [self._corpus(name, scores["corpora"].get(name)) for name in names]
        return RowsOfTest(self.test, self.systems, [*rows, self._mean(rows, scores)], self._notes())

    @cached_property
    def systems(self) -> tuple[str, ...]:
        named = dict.fromkeys(row.system for row in find(COMPARED[self.test]))
        return tuple(n for n in named if not n.startswith("GNER") and n != self.model)

    def _corpus(self, name: str, scores: Mapping[str, Any] | None) -> Row:
        sentences = next(find("Table 8", corpus=name, metric="n_test")).value
        return replace(
            self._printed(name),
            ours=_measured(scores),
            tested=scores["sentences"] if scores else None,
            of=int(sentences),
        )

    def _printed(self, corpus: str) -> Row:
        """Return what the paper and the rerun say of a corpus, or of the mean."""
        if self.is_released:
            paper = number(COMPARED[self.test], system=self.model, corpus=corpus)
        elif self.beams == 1:
            paper = number(DETAILS, system=self.model, corpus=corpus, setting=self.test)
        else:
            setting = f"{self.test}; beam={self.beams}"
            paper = number(BEAMS, system=self.model, corpus=corpus, setting=setting)
        rerun = number(RERUN, system=self.model, corpus=corpus)
        return Row(
            corpus,
            ours=None,
            paper=paper.value if paper else None,
            std=paper.std if paper else None,
            source=paper.source if paper else "",
            rerun=rerun.value if rerun and self.test == "zero-shot" else None,
            others={
                name: row.value
                for name in self.systems
                if (row := number(COMPARED[self.test], system=name, corpus=corpus))
            },
        )

    def _mean(self, rows: Sequence[Row], scores: Mapping[str, Any]) -> Row:
        """Return the mean over the paper's corpora, or over those of them that were run."""
        ran = [row for row in rows if row.ours]
        ours = _own_mean(ran, scores)
        if len(ran) in (0, len(rows)):
            return replace(self._printed(MEAN), ours=ours)
        return Row(
            MEAN,
            ours,
            paper=_average([row.paper for row in ran]),
            std=None,
            source=f"mean of the {len(ran)} corpora run",
            of=len(ran),
            rerun=_average([row.rerun for row in ran]),
            others={
                name: value
                for name in self.systems
                if (value := _average([row.others.get(name) for row in ran])) is not None
            },
        )

    def _notes(self) -> tuple[str, ...]:
        """Return where the paper contradicts itself in what is shown."""
        shown = (*find(DETAILS, system=self.model, setting=self.test), *find(COMPARED[self.test]))
        return tuple(
            f"{row.system}, {row.dataset}: {row.source} says {row.text}; {row.note}"
            for row in shown
            if row.note and row.system in (self.model, *self.systems)
        )


def _own_mean(ran: Sequence[Row], scores: Mapping[str, Any]) -> Measured | None:
    """Return our mean over corpora of the paper; its interval is known if there are no others."""
    values = [row.ours.value for row in ran if row.ours]
    if not values:
        return None
    if len(values) == len(scores["corpora"]):
        return _measured(scores["macro"])
    return Measured(sum(values) / len(values), None)


def _measured(scores: Mapping[str, Any] | None) -> Measured | None:
    if scores is None:
        return None
    interval = scores.get("interval")
    bounds = (100 * interval[0], 100 * interval[1]) if interval else None
    return Measured(100 * scores["f1"], bounds)


def _average(values: Sequence[float | None]) -> float | None:
    """Return the mean; None where a value is missing."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
