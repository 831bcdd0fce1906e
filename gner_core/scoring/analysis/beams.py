"""What a larger beam changes: Table 7, and the self-correction cases of Fig. 6 and Table 10.

From predictions of one model for the same sentences with several beam sizes: the F1 of each with
its interval and its paired difference to the first; and every sentence whose entities another beam
changes. A sentence is right where the words and types of all its entities are.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gner_core.errors import InputError
from gner_core.scoring.analysis.comparison import Change, compare_scored
from gner_core.scoring.analysis.draws import Interval
from gner_core.scoring.analysis.significance import Difference, interval
from gner_core.scoring.files import FileScoring, scored_files
from gner_core.scoring.metrics.spans import require_positions
from gner_core.scoring.metrics.tally import tally
from gner_core.scoring.scored import Scored

KINDS = ("wrong → right", "right → wrong", "wrong → wrong")


@dataclass(frozen=True, slots=True)
class Column:
    """F1 of one beam by corpus and for their mean, and its differences to the first beam's."""

    scores: dict[str, Interval]
    differences: dict[str, Difference]


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence whose entities the beam `name` changes against the first one."""

    name: str
    kind: str
    before: Scored
    after: Scored

    def values(self) -> dict[str, Any]:
        """Return the case as JSON values."""
        return {
            "beam": self.name,
            "kind": self.kind,
            "id": self.before.id,
            "corpus": self.before.corpus,
            "words": self.before.words,
            "gold": self.before.gold,
            "before": self.before.predicted,
            "after": self.after.predicted,
        }


@dataclass(frozen=True, slots=True)
class BeamStudy:
    """A column per beam in the order given, and the cases, of each beam the most telling first."""

    columns: dict[str, Column]
    cases: list[Case]
    sentences: int

    def counts(self) -> dict[str, Counter[str]]:
        """Return beam → kind → number of sentences."""
        counts = {name: Counter[str]() for name in list(self.columns)[1:]}
        for case in self.cases:
            counts[case.name][case.kind] += 1
        return counts


def study_beams(files: Mapping[str, Path], setup: FileScoring, *, metric: str) -> BeamStudy:
    """Score every file and compare each with the first.

    Args:
        files: name of a beam → its predictions; the first is what the others are compared with.

    Raises:
        InputError: for less than two files, a faulty one, files of other sentences, or a type to
            leave out that there is not.
    """
    if len(files) < 2:
        raise InputError("give predictions of at least two beam sizes for the same sentences")
    names = list(files)
    every = scored_files([*files.values()], [setup] * len(files), metric=metric)
    scored = {name: one.sentences for name, one in zip(names, every, strict=True)}
    for sentences in scored.values():
        for sentence in sentences:
            require_positions(sentence)
    first, base = names[0], scored[names[0]]
    intervals = {
        name: interval(tally(one, metric, without=setup.without).sentences, setup.scoring)
        for name, one in scored.items()
    }
    columns = {first: Column(intervals[first], {})}
    cases: list[Case] = []
    for name in names[1:]:
        comparison = compare_scored(
            (str(files[first]), str(files[name])),
            (base, scored[name]),
            metric=metric,
            without=setup.without,
            test=setup.scoring,
        )
        columns[name] = Column(intervals[name], comparison.differences)
        found = [Case(name, kind_of(change), change.a, change.b) for change in comparison.changes]
        cases += sorted(found, key=lambda case: KINDS.index(case.kind))
    return BeamStudy(columns, cases, len(base))


def kind_of(change: Change) -> str:
    """Return what a change did to its sentence."""
    before, after = (
        "right" if one.predicted == one.gold else "wrong" for one in (change.a, change.b)
    )
    return f"{before} → {after}"
