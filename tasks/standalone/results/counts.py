"""The counts of a scored test, as a record keeps them."""

from collections.abc import Collection, Sequence
from typing import Any

from gner_core.artifact_files import SCORED, SCORES
from gner_core.reports.results.record import Columns
from gner_core.reports.sweep.content import EDITS, ERRORS, METRICS
from gner_core.reports.sweep.differences import counted
from gner_core.runtime.files import read_json
from gner_core.scoring.analysis.calibration import Calibration
from gner_core.scoring.analysis.errors import CLASSES, Errors, entity_errors
from gner_core.scoring.metrics.published import has_own_metric
from gner_core.scoring.metrics.tally import Tally, tally
from gner_core.scoring.scored import Scored, read_scored
from gner_core.store.artifacts import ArtifactRef, Store
from tasks.sweeps import costs_of

COUNTED = "errors"
"""Beside the metrics, what is counted in each sentence."""
KINDS = {**METRICS, **dict.fromkeys(ERRORS, COUNTED)}
"""Figure → what is counted for it; for all others pairs."""


def counts_of(
    score: ArtifactRef, store: Store, *, kinds: Collection[str], by_type: bool, bins: int
) -> dict[str, Any]:
    """Return the fields of a `ScoreRecord` that come from a published score.

    Args:
        kinds: what is counted in each sentence: metrics, and errors.
        by_type: whether types are counted, too.
        bins: of confidences.
    """
    scored = sorted(read_scored(store.fetch(score) / SCORED), key=lambda one: (one.corpus, one.id))
    unknown = {COUNTED} if has_own_metric(scored) else {COUNTED, "published"}
    tallies = {kind: tally(scored, kind, without=()) for kind in sorted({*kinds} - unknown)}
    counts: dict[str, dict[str, Columns]] = {}
    for metric, found in tallies.items():
        for corpus, rows in found.sentences.items():
            right, predicted, gold = zip(*rows, strict=True)
            columns = {"gold": gold, "predicted": predicted, "right": right}
            counts.setdefault(corpus, {})[metric] = columns
    if COUNTED in kinds and all(one.written is None for one in scored):  # else they have no places
        for corpus, columns in _errors(scored).items():
            counts[corpus][COUNTED] = columns
    return {
        "sentences": counted(scored, ()).sentences,
        "counts": counts,
        "sums": _sums(score, store),
        "calibration": _calibration(scored, bins),
        **(_types(scored, tallies["pair"]) if by_type else {}),
    }


def _errors(scored: Sequence[Scored]) -> dict[str, Columns]:
    """Return gold entities and those of each class of errors, by corpus."""
    names = ("gold", *CLASSES)
    found: dict[str, list[tuple[int, ...]]] = {}
    for one in scored:
        counts = entity_errors(one.gold, one.predicted).counts
        found.setdefault(one.corpus, []).append(tuple(counts[name] for name in names))
    return {
        corpus: dict(zip(names, zip(*rows, strict=True), strict=True))
        for corpus, rows in found.items()
    }


def _calibration(scored: Sequence[Scored], bins: int) -> dict[str, tuple[float, ...]]:
    if not bins or all(one.probabilities is None for one in scored):
        return {}
    sure = Calibration(bins)
    for one in scored:
        sure.add_sentence(one)
    return {
        "entities": tuple(sure.entities),
        "right": tuple(sure.right),
        "confidence": tuple(round(one, 6) for one in sure.confidence),
    }


def _types(scored: Sequence[Scored], pairs: Tally) -> dict[str, Any]:
    """Return the counts of each type, and what its entities are taken for."""
    errors: dict[str, Errors] = {}
    for one in scored:
        errors.setdefault(one.corpus, Errors()).add_sentence(one)
    types = {
        corpus: {
            name: (one.right, one.predicted, one.gold) for name, one in pairs.types(corpus).items()
        }
        for corpus in pairs.sums
    }
    confusion = {corpus: one.values()["confusion"] for corpus, one in errors.items()}
    return {"types": types, "confusion": confusion}


def _sums(score: ArtifactRef, store: Store) -> dict[str, float]:
    """Return what was used and written in a test, over all its sentences."""
    found = read_json(store.fetch(score) / SCORES)
    written = ArtifactRef.at(store.manifest(score)["inputs"]["predictions"])
    sums = costs_of(written, store) if store.has(written) else {}
    sums.pop("sentences", None)
    words = found.get("words", {})
    sums |= {name: words[name] for name in EDITS if name in words}
    if "answers" in found:
        sums["hallucinated"] = found["answers"]["all"]["hallucinated"]
    return {name: float(value) for name, value in sums.items()}
