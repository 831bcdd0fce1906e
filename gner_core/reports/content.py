"""The content of a report as plain values; `reports.page` renders it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gner_core.records import spans_of
from gner_core.reports.paper.compared import PaperComparison
from gner_core.scoring.metrics.pairs import entity_pairs, normalised
from gner_core.scoring.scored import Scored


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words: plain (`label` empty) or an entity, with how it compares."""

    text: str
    label: str = ""
    verdict: str = ""
    """right, wrong (predicted, not in gold) or missed (gold, not predicted)."""


@dataclass(frozen=True, slots=True)
class ExampleView:
    """One sentence with its gold and its predicted entities."""

    evaluation: str
    corpus: str
    gold: tuple[Piece, ...]
    predicted: tuple[Piece, ...]
    text: str


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


@dataclass(frozen=True, slots=True)
class EvaluationView:
    """Scores of one checkpoint on one set of sentences."""

    title: str
    explanation: str
    scores: Mapping[str, Any]


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
    examples: Sequence[ExampleView]
    prompt: str
    values: Sequence[tuple[str, Any, bool]]
    """Key path → value of the experiment, and whether it is a default."""
    steps: Sequence[Mapping[str, Any]]
    """Manifests: what was made, and the seconds that it took."""
    packages: Mapping[str, str]


def choose_examples(
    scored: Mapping[str, Sequence[Scored]], *, count: int
) -> tuple[ExampleView, ...]:
    """Return examples taken evenly from all evaluations, sentences with gold entities first."""
    chosen: list[ExampleView] = []
    for number, (evaluation, sentences) in enumerate(scored.items()):
        share = count // len(scored) + (number < count % len(scored))
        usable = [s for s in sentences if set(s.gold) != {"O"}] or list(sentences)
        step = max(1, len(usable) // max(share, 1))
        chosen += [_view(evaluation, s) for s in usable[::step][:share]]
    return tuple(chosen)


def _view(evaluation: str, s: Scored) -> ExampleView:
    written = s.written or s.words
    gold, found = entity_pairs(s.words, s.gold), entity_pairs(written, s.predicted)
    return ExampleView(
        evaluation,
        s.corpus,
        _pieces(s.words, s.gold, other=found, miss="missed"),
        _pieces(written, s.predicted, other=gold, miss="wrong"),
        s.text,
    )


def _pieces(
    words: Sequence[str], tags: Sequence[str], *, other: set[tuple[str, str]], miss: str
) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    at = 0
    for span in spans_of(tags):
        if span.start > at:
            pieces.append(Piece(" ".join(words[at : span.start])))
        text = " ".join(words[span.start : span.end])
        pair = (normalised(text), normalised(span.label))
        verdict = "right" if pair in other else miss
        pieces.append(Piece(text, span.label, verdict))
        at = span.end
    if at < len(words):
        pieces.append(Piece(" ".join(words[at:])))
    return tuple(pieces)
