"""Scores a file of predictions part by part, on one core or several."""

import gc
import multiprocessing
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from gner_core.config.scoring import ScoringParams
from gner_core.config.systems.gner import MatchParams, TargetForm
from gner_core.errors import InputError
from gner_core.matching.back_tokenization import BackTokens, from_file
from gner_core.matching.modes import Matcher
from gner_core.records import Answered
from gner_core.runtime.cycles import no_search_for_cycles
from gner_core.scoring.analysis.answers import answer_counts, answer_faults
from gner_core.scoring.analysis.calibration import Calibration
from gner_core.scoring.analysis.errors import (
    Errors,
    edit_examples,
    text_faults,
    word_edits,
)
from gner_core.scoring.analysis.thresholds import Thresholds
from gner_core.scoring.metrics.partial import PartialScores
from gner_core.scoring.metrics.tally import Tally, tally
from gner_core.scoring.prediction_files import Part, read_parts
from gner_core.scoring.scored import Scored, score, score_answers
from gner_core.systems.interface import Reader
from gner_core.systems.interface import Scored as HasMetric

EXAMPLES = 3
"""Examples that are kept of each kind of word edit."""
Report = Callable[[int], None]
"""Called with the number of sentences scored so far."""


@dataclass(frozen=True)
class FileScoring:
    """How to score a file. `metrics` are names of `METRICS`, or partial; `without` are types."""

    match: MatchParams
    form: TargetForm
    tokenizer: Path | None
    metrics: tuple[str, ...]
    without: frozenset[str]
    errors: bool
    scoring: ScoringParams


@dataclass
class FileScores:
    """Counts of a file: by metric, of errors by corpus, of texts, of words and of answers."""

    calibration: Calibration
    thresholds: Thresholds
    tallies: dict[str, Tally] = field(default_factory=dict)
    partial: PartialScores = field(default_factory=PartialScores)
    errors: dict[str, Errors] = field(default_factory=lambda: defaultdict(Errors))
    texts: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    """Calls, tokens and strings of a system beside gner."""
    examples: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Kind of word edit → the first sentences with one, and their generated texts."""

    def extend(self, other: "FileScores") -> None:
        """Add the next part."""
        for name, one in other.tallies.items():
            self.tallies.setdefault(name, Tally(without=one.without)).extend(one)
        self.partial.extend(other.partial)
        for corpus, errors in other.errors.items():
            self.errors[corpus].extend(errors)
        self.texts.update(other.texts)
        self.words.update(other.words)
        self.calibration.extend(other.calibration)
        self.thresholds.extend(other.thresholds)
        for kind, examples in other.examples.items():
            mine = self.examples.setdefault(kind, [])
            mine += examples[: EXAMPLES - len(mine)]


def nothing_scored(setup: FileScoring) -> FileScores:
    """Return the scores of no sentences, to which those of parts are added."""
    bins = setup.scoring.confidence_bins
    return FileScores(Calibration(bins), Thresholds(without=setup.without))


class PartScorer:
    """Matches the predictions of parts; keeps readers and back-tokenised words between them."""

    def __init__(self, setup: FileScoring) -> None:
        """Load the tokenizer, if there is one.

        Raises:
            InputError: when it cannot be read.
        """
        self.setup = setup
        self._back = BackTokens(from_file(setup.tokenizer)) if setup.tokenizer else None
        changed = self._back.changed if self._back else {}
        self._match = Matcher(setup.match, setup.form, back=changed)

    def scored(self, part: Part) -> Iterator[list[Scored]]:
        """Yield the scored sentences of a part, some at a time."""
        for batch in part.batches():
            if self._back:
                self._back.learn(set().union(*(p.words for p in batch)))
                self._back.learn(set().union(*(p.types for p in batch)))
            yield [score(prediction, self._match) for prediction in batch]

    def scores(self, part: Part) -> FileScores:
        """Return the counts of a part."""
        result = nothing_scored(self.setup)
        for scored in self.scored(part):
            result.extend(_counts_of_texts(scored, self.setup))
        return result


def _counts(scored: Sequence[Scored], setup: FileScoring) -> FileScores:
    """Count what texts and answers have alike."""
    result = nothing_scored(setup)
    for name in setup.metrics:
        if name == "partial":
            result.partial.add(scored)
        else:
            result.tallies[name] = tally(scored, name, without=setup.without)
    for sentence in scored:
        result.calibration.add_sentence(sentence)
    if any(sentence.probabilities is not None for sentence in scored):
        for sentence in scored:
            result.thresholds.add_sentence(sentence)
    else:  # pairs are not counted twice
        pairs = result.tallies.get("pair") or tally(scored, "pair", without=setup.without)
        result.thresholds.add_sure(pairs.sums)
    if setup.errors:
        for sentence in scored:
            result.errors[sentence.corpus].add_sentence(sentence)
    return result


def _counts_of_texts(scored: Sequence[Scored], setup: FileScoring) -> FileScores:
    result = _counts(scored, setup)
    result.texts.update(text_faults(scored))
    result.words.update(word_edits(scored))
    if setup.errors:
        result.examples = edit_examples(scored, limit=EXAMPLES)
    return result


def score_answered(answered: Iterable[Answered], setup: FileScoring, reader: Reader) -> FileScores:
    """Return the scores of a system beside gner, also by its own metric where it has one."""
    scored = [score_answers(one, reader) for one in answered]
    metrics = (*setup.metrics, "published") if isinstance(reader, HasMetric) else setup.metrics
    result = _counts(scored, replace(setup, metrics=metrics))
    result.texts.update(answer_faults(scored))
    result.answers.update(answer_counts(scored)["all"])
    return result


def score_file(
    path: Path, setup: FileScoring, *, workers: int, report: Report, gold: Path | None = None
) -> FileScores:
    """Score a whole file; the result does not depend on `workers`.

    `gold` is the file of the gold sentences where `path` holds predictions alone.

    Raises:
        InputError: for a fault in the file or the tokenizer.
    """
    result = nothing_scored(setup)
    parts = read_parts(path, gold=gold)
    with no_search_for_cycles():
        if workers == 1:
            scored: Iterator[FileScores] = map(PartScorer(setup).scores, parts)
        else:
            scored = _pool(parts, setup, workers=workers)
        for scores in scored:
            result.extend(scores)
            report(result.texts["all"])
    if not result.texts["all"]:
        raise InputError(f"{path}: holds no predictions")
    return result


def _pool(parts: Iterator[Part], setup: FileScoring, *, workers: int) -> Iterator[FileScores]:
    """Score parts in child processes; only a few parts are in memory at a time."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start, (setup,)) as pool:
        waiting: deque[Future[FileScores]] = deque()
        try:
            for part in islice(parts, 2 * workers):
                waiting.append(pool.submit(_score_part, part))
            while waiting:
                yield waiting.popleft().result()
                for part in islice(parts, 1):
                    waiting.append(pool.submit(_score_part, part))
        except BrokenProcessPool:
            raise InputError("a scoring process ended early; try --workers 1") from None
        finally:
            pool.shutdown(cancel_futures=True)


_scorers: list[PartScorer] = []
"""The scorer of a child process."""


def _start(setup: FileScoring) -> None:
    gc.disable()
    _scorers.append(PartScorer(setup))


def _score_part(part: Part) -> FileScores:
    return _scorers[0].scores(part)


def scored_file(path: Path, setup: FileScoring) -> Sequence[Scored]:
    """Return every scored sentence of a file, to compare two files or to show examples."""
    scorer = PartScorer(setup)
    return [s for part in read_parts(path) for batch in scorer.scored(part) for s in batch]
