"""Scores a file of predictions part by part, on one core or several."""

import gc
import multiprocessing
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

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
from gner_core.scoring.doubts import Seen
from gner_core.scoring.file_pairs import Notes, read_pair
from gner_core.scoring.metrics.partial import PartialScores
from gner_core.scoring.metrics.tally import Tally, left_out, tally
from gner_core.scoring.prediction_files import PairPart, Part, pair_parts, read_parts
from gner_core.scoring.scored import Scored, score, score_answers
from gner_core.systems.interface import Reader
from gner_core.systems.interface import Scored as HasMetric

EXAMPLES = 3
"""Examples that are kept of each kind of word edit."""
Report = Callable[[int], None]
"""Called with the number of sentences scored so far."""


@dataclass(frozen=True)
class FileScoring:
    """How to score a file. `metrics` are names of `METRICS`, or partial.

    `without` are types to leave out of the scores, whatever their capitals.
    """

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
    partial: PartialScores
    tallies: dict[str, Tally] = field(default_factory=dict)
    errors: dict[str, Errors] = field(default_factory=lambda: defaultdict(Errors))
    texts: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    """Calls, tokens and strings of a system beside gner."""
    examples: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Kind of word edit → the first sentences with one, and their generated texts."""
    seen: Seen = field(default_factory=Seen)
    notes: list[Notes] = field(default_factory=list)
    """On the files that were read, where gold and predictions are files of their own."""

    def doubts(self, setup: FileScoring) -> list[str]:
        """Return lines on what makes the scores doubtful."""
        lines = list(self.seen.doubts(setup.form.labels, setup.metrics))
        if unknown := self.texts["unknown types"]:
            lines.append(
                f"{unknown:,} of {self.texts['all']:,} texts have tags of types that were not asked "
                "for, which count as no entity"
            )
        return lines

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
        self.seen.extend(other.seen)
        for kind, examples in other.examples.items():
            mine = self.examples.setdefault(kind, [])
            mine += examples[: EXAMPLES - len(mine)]


def nothing_scored(setup: FileScoring) -> FileScores:
    """Return the scores of no sentences, to which those of parts are added."""
    bins = setup.scoring.confidence_bins
    return FileScores(
        Calibration(bins),
        Thresholds(without=left_out("pair", setup.without)),
        PartialScores(without=left_out("partial", setup.without)),
    )


class PartScorer:
    """Matches the predictions of parts; keeps readers and back-tokenised words between them."""

    def __init__(self, setup: FileScoring) -> None:
        """Load the tokenizer, if there is one.

        Raises:
            InputError: when it cannot be read.
        """
        self.setup = setup
        self._back = BackTokens(from_file(setup.tokenizer)) if setup.tokenizer else None
        self.seen = Seen()
        """What all parts hold."""
        changed = self._back.changed if self._back else {}
        self._match = Matcher(setup.match, setup.form, back=changed)

    def scored(self, part: Part | PairPart) -> Iterator[list[Scored]]:
        """Yield the scored sentences of a part, some at a time."""
        for scored in self._scored(part):
            self.seen.add(scored)
            yield scored

    def _scored(self, part: Part | PairPart) -> Iterator[list[Scored]]:
        if isinstance(part, PairPart):
            self.seen.tagged = True
            yield part.scored
            return
        for batch in part.batches():
            if self._back:
                self._back.learn(set().union(*(p.words for p in batch)))
                self._back.learn(set().union(*(p.types for p in batch)))
            self.seen.ask(batch, self.setup.form.labels)
            yield [score(prediction, self._match) for prediction in batch]

    def scores(self, part: Part | PairPart) -> FileScores:
        """Return the counts of a part."""
        result = nothing_scored(self.setup)
        for scored in self.scored(part):
            result.extend(_counts_of_texts(scored, self.setup))
        result.seen.extend(self.seen)
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


def score_answered(answered: Sequence[Answered], setup: FileScoring, reader: Reader) -> FileScores:
    """Return the scores of a system beside gner, also by its own metric where it has one.

    Raises:
        InputError: for a type to leave out that there is not.
    """
    scored = [score_answers(one, reader) for one in answered]
    metrics = (*setup.metrics, "published") if isinstance(reader, HasMetric) else setup.metrics
    result = _counts(scored, replace(setup, metrics=metrics))
    result.seen = Seen(asked=set().union(*(one.types for one in answered)), tagged=True)
    result.seen.add(scored)
    result.seen.check_left_out(setup.without, setup.metrics)
    result.texts.update(answer_faults(scored))
    result.answers.update(answer_counts(scored)["all"])
    return result


def score_file(
    path: Path, setup: FileScoring, *, workers: int, report: Report, gold: Path | None = None
) -> FileScores:
    """Score a whole file; the result does not depend on `workers`.

    `gold` is the file of the gold sentences where `path` holds predictions alone.

    Raises:
        InputError: for a fault in the file or the tokenizer, and for a type to leave out that there
            is not.
    """
    result = nothing_scored(setup)
    scorer = PartScorer(setup)  # also of several processes, so that a fault is named once
    parts: Iterator[Part | PairPart]
    if gold:
        pair = read_pair(gold, path)
        parts, result.notes = pair_parts(pair.scored), pair.notes
    else:
        parts = read_parts(path)
    with no_search_for_cycles():
        if workers == 1:
            scored: Iterator[FileScores] = map(scorer.scores, parts)
        else:
            scored = _pool(parts, setup, workers=workers)
        for scores in scored:
            result.extend(scores)
            report(result.texts["all"])
    if not result.texts["all"]:
        raise InputError(f"{path}: holds no predictions")
    result.seen.check_left_out(setup.without, setup.metrics)
    return result


def _pool(
    parts: Iterator[Part | PairPart], setup: FileScoring, *, workers: int
) -> Iterator[FileScores]:
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


def _score_part(part: Part | PairPart) -> FileScores:
    return _scorers[0].scores(part)


class ScoredFile(NamedTuple):
    """Every scored sentence of a file, and what may be doubtful about them."""

    sentences: list[Scored]
    seen: Seen


def scored_files(
    files: Sequence[Path], setups: Sequence[FileScoring], *, metric: str
) -> list[ScoredFile]:
    """Return what is in files that are to be compared, each with a setup of its own.

    Raises:
        InputError: for a fault in a file or a tokenizer, and for a type to leave out that no file has.
    """
    every, result = Seen(), []
    for file, setup in zip(files, setups, strict=True):
        scorer = PartScorer(setup)
        parts = read_parts(file)
        sentences = [s for part in parts for batch in scorer.scored(part) for s in batch]
        result.append(ScoredFile(sentences, scorer.seen))
        every.extend(scorer.seen)
    every.check_left_out(setups[0].without, [metric])
    return result
