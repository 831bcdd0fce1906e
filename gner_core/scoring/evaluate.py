"""The summary of an evaluation: every metric, intervals, errors, faults of the texts."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any

from gner_core.config.scoring import ScoringParams
from gner_core.scoring.analysis.calibration import Calibration
from gner_core.scoring.analysis.errors import Errors, entity_errors, text_faults, word_edits
from gner_core.scoring.analysis.significance import MEAN, interval
from gner_core.scoring.metrics.tally import METRICS, Tally
from gner_core.scoring.scored import Scored


def summarise(scored: Sequence[Scored], params: ScoringParams) -> dict[str, Any]:
    """Return everything that is known of an evaluation.

    The paper's metric stands at the top: `corpora`, `macro` (the paper's mean over corpora),
    `micro`, each with its `interval`. `span` has the same form for strict spans, `errors` the
    classes of Table 1 per corpus, `texts` and `words` the faults of Table 9, `calibration` the
    reliability of confidences where predictions have them. In matching mode text
    entities have no place, so only the paper's metric and the faults are there.
    """
    placed = all(s.written is None for s in scored)
    summary = metric_summary(tally(scored, "pair"), params)
    if placed:
        summary["span"] = metric_summary(tally(scored, "span"), params)
        summary["errors"] = errors_by_corpus(scored)
    if any(s.probabilities is not None for s in scored):
        summary["calibration"] = calibration_by_corpus(scored, bins=params.confidence_bins)
    return {**summary, "texts": text_faults(scored), "words": word_edits(scored)}


def tally(scored: Sequence[Scored], metric: str) -> Tally:
    """Return the counts of all sentences in one metric."""
    result = Tally(without=())
    for sentence in scored:
        result.add(sentence.corpus, METRICS[metric](sentence))
    return result


def metric_summary(tally: Tally, params: ScoringParams) -> dict[str, Any]:
    """Return scores with intervals; `without` are those without types to leave out, if any occur."""
    summary = tally.scores(without=())
    rows = tally.sentences
    for name, found in interval(rows, params).items() if rows else ():
        place = summary["macro"] if name == MEAN else summary["corpora"][name]
        place["interval"] = [found.low, found.high]
    vague = sorted({t for name in tally.sentences for t in tally.types(name)} & {*params.left_out})
    if vague:
        summary["without"] = {"types": vague, **tally.scores(without=vague)}
    return summary


def errors_by_corpus(scored: Sequence[Scored]) -> dict[str, Any]:
    """Return the error classes of Table 1 for each corpus and for all together."""
    corpora: dict[str, Errors] = defaultdict(Errors)
    everything = Errors()
    for sentence in scored:
        found = entity_errors(sentence.gold, sentence.predicted)
        corpora[sentence.corpus].add(found)
        everything.add(found)
    values = {name: errors.values() for name, errors in corpora.items()}
    return {"corpora": values, "all": everything.values()}


def calibration_by_corpus(scored: Sequence[Scored], *, bins: int) -> dict[str, Any]:
    """Return reliability and expected calibration error for each corpus and for all together."""
    corpora: dict[str, Calibration] = defaultdict(partial(Calibration, bins))
    everything = Calibration(bins)
    for sentence in scored:
        corpora[sentence.corpus].add_sentence(sentence)
        everything.add_sentence(sentence)
    values = {name: calibration.values() for name, calibration in corpora.items()}
    return {"corpora": values, "all": everything.values()}
