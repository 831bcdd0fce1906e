"""The content of a report as plain values; `reports.experiment.page` renders it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gner_core.reports.experiment.examples import Example
from gner_core.reports.paper.compared import PaperComparison


@dataclass(frozen=True, slots=True)
class CorpusRow:
    """One split of a corpus."""

    corpus: str
    split: str
    counts: Mapping[str, Any]
    licence: str


@dataclass(frozen=True, slots=True)
class StageView:
    """A training stage: recipe, summary, one point per weight update."""

    title: str
    recipe: Mapping[str, Any]
    summary: Mapping[str, Any]
    curve: Sequence[Mapping[str, float]]
    leak: str
    """How choosing the weights used the data that they are tested on; empty if it did not."""
    layers: int | None
    """Of each stack of the model; None where its configuration does not say."""


@dataclass(frozen=True, slots=True)
class EvaluationView:
    """Scores of one checkpoint on one set of sentences."""

    title: str
    explanation: str
    scores: Mapping[str, Any]
    model: str
    """Its name, and the stages that it went through."""


@dataclass(frozen=True, slots=True)
class ReportContent:
    """The whole report."""

    name: str
    models: Sequence[tuple[str, int | None]]
    """Names and parameters of the models; those of an endpoint are not known."""
    decode: Mapping[str, Any] | None
    """None where no model of ours generates."""
    match: Mapping[str, Any] | None
    """Of gner alone."""
    system: str
    """Its kind."""
    level: float
    """Of the intervals of the scores, such as 0.95."""
    corpora: Sequence[CorpusRow]
    samples: Mapping[str, Mapping[str, Any]]
    """Stage or evaluation → corpus → counts of the sentences that it took from there."""
    stages: Sequence[StageView]
    evaluations: Sequence[EvaluationView]
    paper: Mapping[str, PaperComparison]
    """Test → its comparison, of those that are set beside a table of the paper."""
    examples: Sequence[Example]
    prompt: str
    values: Sequence[tuple[str, Any, bool]]
    """Key path → value of the experiment, and whether it is a default."""
    steps: Sequence[Mapping[str, Any]]
    """Manifests: what was made, and the seconds that it took."""
    packages: Mapping[str, str]
