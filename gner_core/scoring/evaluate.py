"""The summary of an evaluation: every metric, intervals, errors, faults of the texts."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gner_core.config.scoring import ScoringParams
from gner_core.scoring.analysis.answers import answer_counts, answer_faults
from gner_core.scoring.analysis.calibration import Calibration
from gner_core.scoring.analysis.errors import Errors, text_faults, word_edits
from gner_core.scoring.analysis.significance import MEAN, interval
from gner_core.scoring.analysis.thresholds import Thresholds
from gner_core.scoring.metrics.published import has_own_metric
from gner_core.scoring.metrics.tally import Tally, tally
from gner_core.scoring.scored import Scored
from gner_core.type_names import type_key


def summarise(scored: Sequence[Scored], params: ScoringParams) -> dict[str, Any]:
    """Return all scores of an evaluation.

    At the top level is the paper's metric: `corpora`, `macro` (the paper's mean over corpora),
    `micro`, each with its `interval`. `span` has the same form for strict spans, `errors` the
    classes of Table 1 per corpus, `texts` and `words` the faults of Table 9. Where predictions have
    confidences, `calibration` is their reliability, and `thresholds` has the counts of the paper's
    metric for the entities that are at least so confident. Matching mode text does not locate
    entities in the sentence: `span` and `errors` are missing then. Systems beside gner have
    `published`, their own metric, where there is one, and `answers` instead of `words`.
    """
    summary = metric_summary(tally(scored, "pair", without=()), params)
    if all(s.written is None for s in scored):
        summary["span"] = metric_summary(tally(scored, "span", without=()), params)
        summary["errors"] = _by_corpus(scored, Errors)
    if any(s.probabilities is not None for s in scored):
        summary["calibration"] = _by_corpus(scored, partial(Calibration, params.confidence_bins))
        thresholds = Thresholds(without=())
        for sentence in scored:
            thresholds.add_sentence(sentence)
        summary["thresholds"] = thresholds.values()
    if any(s.answers for s in scored):
        return {**summary, **_of_answers(scored, params)}
    return {**summary, "texts": text_faults(scored), "words": word_edits(scored)}


def _of_answers(scored: Sequence[Scored], params: ScoringParams) -> dict[str, Any]:
    """Return what only systems beside gner have: their own metric, and what they answered."""
    own: dict[str, Any] = {}
    if has_own_metric(scored):
        own["published"] = metric_summary(tally(scored, "published", without=()), params)
    return {**own, "texts": answer_faults(scored), "answers": answer_counts(scored)}


def metric_summary(tally: Tally, params: ScoringParams) -> dict[str, Any]:
    """Return scores with intervals; `without` are those without types to leave out, if any occur."""
    summary = tally.scores(without=())
    rows = tally.sentences
    for name, found in interval(rows, params).items() if rows else ():
        scores = summary["macro"] if name == MEAN else summary["corpora"][name]
        scores["interval"] = [found.low, found.high]
    unwanted = {*map(type_key, params.left_out)}
    found_types = {name for corpus in tally.sentences for name in tally.types(corpus)}
    vague = sorted(name for name in found_types if type_key(name) in unwanted)
    if vague:
        summary["without"] = {"types": vague, **tally.scores(without=vague)}
    return summary


def _by_corpus(
    scored: Sequence[Scored], empty: Callable[[], Errors | Calibration]
) -> dict[str, Any]:
    """Return the counts of each corpus and of all together, starting from empty ones."""
    corpora: dict[str, Errors | Calibration] = defaultdict(empty)
    everything = empty()
    for sentence in scored:
        corpora[sentence.corpus].add_sentence(sentence)
        everything.add_sentence(sentence)
    values = {name: counts.values() for name, counts in corpora.items()}
    return {"corpora": values, "all": everything.values()}
