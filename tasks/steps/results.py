"""The steps at the end: scores, comparisons, the report of an experiment and that of a sweep."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gner_core.config.experiment import Experiment
from gner_core.config.reevaluation import ComparisonParams
from gner_core.config.scoring import ScoringParams
from gner_core.config.systems.gner import MatchParams
from tasks.steps.data import Corpus, Sample
from tasks.steps.models import (
    Ask,
    Endpoint,
    Generate,
    Model,
    Train,
    backbone_of,
    shown_model,
    system_values,
)
from tasks.steps.step import Step, values, with_prefix


@dataclass(frozen=True, eq=False, kw_only=True)
class Score(Step):
    """Generated texts read and found in their sentences, and what is right in them."""

    kind = "score"
    version = 5

    predictions: Generate | Ask
    match: MatchParams | None
    """Of gner alone: None for another system."""
    scoring: ScoringParams

    def identity(self) -> dict[str, Any]:
        """Return how texts are read, and intervals."""
        system = self.predictions.system
        match = {"match": values(self.match)} if self.match else {}
        reading = system_values(system, without=system.ONLY_IN_TRAINING)
        return {**match, **reading, "scoring": values(self.scoring)}

    def inputs(self) -> dict[str, Step]:
        """Return the generation."""
        return {"predictions": self.predictions}


@dataclass(frozen=True, eq=False, kw_only=True)
class Compare(Step):
    """Two checkpoints compared by their scored sentences."""

    kind = "compare"
    version = 1

    params: ComparisonParams
    champion: Mapping[str, Score]
    """By test."""
    candidate: Mapping[str, Score]
    """By test, the same tests."""

    def identity(self) -> dict[str, Any]:
        """Return the paired test."""
        return values(self.params)

    def inputs(self) -> dict[str, Step]:
        """Return the scores of both."""
        champion = with_prefix("champion", self.champion)
        return {**champion, **with_prefix("candidate", self.candidate)}


@dataclass(frozen=True, eq=False, kw_only=True)
class Report(Step):
    """The page that shows a whole experiment."""

    kind = "report"
    version = 8

    experiment: Experiment
    corpora: Mapping[str, Corpus]
    samples: Mapping[str, Sample]
    stages: Mapping[str, Train]
    tests: Mapping[str, Score]
    papers: Mapping[str, str]
    """Test of a foreign checkpoint → its name in the table that the test is set beside; empty where
    it has none."""

    def identity(self) -> dict[str, Any]:
        """Return what is shown besides the inputs."""
        named = {"papers": dict(self.papers)} if self.papers else {}
        written = [score.predictions for score in self.tests.values()]
        models: list[Train | Generate | Ask] = [*self.stages.values(), *written]
        return {
            "experiment": self.experiment.name,
            "values": self.experiment.shown(),
            "backbones": {one.title: list(shown_model(one)) for one in models},
            "licences": {name: step.params.licence for name, step in self.corpora.items()},
            "leaks": self.experiment.leaks(),
            **named,
        }

    def inputs(self) -> dict[str, Step]:
        """Return every other step of the experiment."""
        models: list[Model | Endpoint] = [step.model for step in self.stages.values()]
        models += [one.predictions.model for one in self.tests.values()]
        given = dict.fromkeys(backbone_of(model) for model in models)
        written = {name: one.predictions for name, one in self.tests.items()}
        fits = {n: one.fit for n, one in written.items() if isinstance(one, Generate) and one.fit}
        return {
            **with_prefix("corpus", self.corpora),
            **with_prefix("sample", self.samples),
            **with_prefix("model", {one.title: one for one in given}),
            **with_prefix("train", self.stages),
            **with_prefix("fit", fits),
            **with_prefix("generate", written),
            **with_prefix("score", self.tests),
        }


@dataclass(frozen=True)
class SweepRow:
    """A point of a sweep as its report shows it."""

    shown: Mapping[str, Any]
    """Fields of `gner_core.reports.sweep.content.PointView`, but for the scores."""
    scores: Mapping[str, Score]
    """By test, those that are shown."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SweepReport(Step):
    """Figure, table and page of a sweep."""

    kind = "sweep-report"
    version = 5

    figure: str
    show: tuple[str, ...]
    axes: tuple[str, ...]
    seeds: str | None
    """The axis over which points are averaged."""
    rows: tuple[SweepRow, ...]
    missing: tuple[str, ...]
    """Labels of the points that failed."""

    def identity(self) -> dict[str, Any]:
        """Return what is shown of which points."""
        return {
            "figure": self.figure,
            "show": list(self.show),
            "axes": list(self.axes),
            "seeds": self.seeds,
            "points": [dict(row.shown) for row in self.rows],
            "missing": list(self.missing),
        }

    def inputs(self) -> dict[str, Step]:
        """Return the scores of every point."""
        return {
            f"{row.shown['name']} {test}": score
            for row in self.rows
            for test, score in row.scores.items()
        }
