"""Compares two files of predictions for the same sentences: scores, intervals, changed sentences."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gner_core.config.scoring import BootstrapParams
from gner_core.errors import InputError
from gner_core.scoring.analysis.significance import Difference, compare
from gner_core.scoring.files import FileScoring, scored_files
from gner_core.scoring.metrics.tally import METRICS, Tally, left_out
from gner_core.scoring.scored import Scored

Key = tuple[str, tuple[str, ...], int]
"""Corpus, words, and the number of the occurrence of equal sentences."""


@dataclass(frozen=True, slots=True)
class Change:
    """A sentence whose predicted tags differ. `gain` is right pairs of B minus those of A."""

    a: Scored
    b: Scored
    gain: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences in F1 (B minus A) by corpus and for their mean, and the changed sentences.

    `doubts` are lines on what makes the scores of a file doubtful.
    """

    differences: dict[str, Difference]
    changes: list[Change]
    sentences: int
    doubts: list[str] = field(default_factory=list)


def compare_files(
    files: tuple[Path, Path],
    setups: tuple[FileScoring, FileScoring],
    *,
    metric: str,
) -> Comparison:
    """Score both files and compare them sentence by sentence.

    Types left out and the paired test are those of the first setup.

    Raises:
        InputError: when a file is faulty, the two do not hold the same sentences, or there is no
            type that is to be left out.
    """
    first, second = scored_files(files, setups, metric=metric)
    comparison = compare_scored(
        (str(files[0]), str(files[1])),
        (first.sentences, second.sentences),
        metric=metric,
        without=setups[0].without,
        test=setups[0].scoring,
    )
    doubts = [
        f"{file}: {line}"
        for file, one in zip(files, (first, second), strict=True)
        for line in one.seen.doubts(setups[0].form.labels, [metric])
    ]
    return replace(comparison, doubts=doubts)


def compare_scored(
    names: tuple[str, str],
    scored: tuple[Sequence[Scored], Sequence[Scored]],
    *,
    metric: str,
    without: frozenset[str],
    test: BootstrapParams,
) -> Comparison:
    """Compare two scorings of the same sentences; errors call them by `names`.

    Raises:
        InputError: when the two do not hold the same sentences.
    """
    first, second = map(_by_sentence, scored)
    _same_sentences(names, first, second)
    count = METRICS[metric]
    apart = left_out(metric, without)
    tallies = Tally(without=apart), Tally(without=apart)
    changes = []
    for key, a in first.items():
        b = second[key]
        counts = count(a), count(b)
        for tally, one in zip(tallies, counts, strict=True):
            tally.add(a.corpus, one)
        if (a.written, a.predicted) != (b.written, b.predicted):
            right = [sum(triple[0] for triple in one.values()) for one in counts]
            changes.append(Change(a, b, right[1] - right[0]))
    differences = compare(tallies[0].sentences, tallies[1].sentences, test)
    changes.sort(key=lambda change: -abs(change.gain))
    return Comparison(differences, changes, len(first))


def _by_sentence(scored: Sequence[Scored]) -> dict[Key, Scored]:
    seen: Counter[tuple[str, tuple[str, ...]]] = Counter()
    result: dict[Key, Scored] = {}
    for sentence in scored:
        key = (sentence.corpus, sentence.words)
        seen[key] += 1
        result[*key, seen[key]] = sentence
    return result


def _same_sentences(
    names: tuple[str, str], first: dict[Key, Scored], second: dict[Key, Scored]
) -> None:
    a, b = names
    for here, there, mine, others in ((a, b, first, second), (b, a, second, first)):
        missing = [key for key in mine if key not in others]
        if missing:
            corpus, words, _ = missing[0]
            raise InputError(
                f"{there} lacks {len(missing)} sentences of {here}, the first of {corpus}: "
                f"{' '.join(words)[:80]!r}; compare predictions for the same sentences"
            )
    for key, sentence in first.items():
        if sentence.gold != second[key].gold:
            raise InputError(
                f"{a} and {b} differ in the gold tags of {sentence.id}: "
                f"{' '.join(sentence.words)[:80]!r}"
            )
