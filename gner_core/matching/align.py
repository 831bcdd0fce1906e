"""Carries the tags of generated words over to the words of the sentence, as in the paper.

Three tiers (Appendix D): equal sequences; a generated sequence that only omits words, matched
greedily from the left; else the longest common subsequence. Both sides are lower-cased first,
and source words are back-tokenised: compared as the model's tokenizer gives them back, since a
model cannot write what its vocabulary lacks.

Owns the rule; does not own tokenizers: back tokenization comes as a mapping of words.

Example:
    >>> align(["New", "York"], ["york"], ["B-city"], back={})
    Alignment(tags=('O', 'B-city'), omitted=1, added=0, substituted=0)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gner_core.matching.lcs import common_subsequence


@dataclass(frozen=True, slots=True)
class Alignment:
    """One tag per source word, and the words that were omitted, added and substituted (Table 9)."""

    tags: tuple[str, ...]
    omitted: int
    added: int
    substituted: int


def align(
    source: Sequence[str],
    generated: Sequence[str],
    tags: Sequence[str],
    *,
    back: Mapping[str, str],
) -> Alignment:
    """Return the tags of the source words; a word that was not generated gets O.

    Args:
        source: words of the sentence.
        generated: words that the model wrote, with one tag each in `tags`.
        back: lower-cased source word → what the tokenizer makes of it; words that come back
            unchanged may be left out.
    """
    wanted = [back.get(word, word) for word in map(str.lower, source)]
    written = [word.lower() for word in generated]
    if wanted == written:
        return Alignment(tuple(tags), 0, 0, 0)
    pairs = _subsequence(wanted, written)
    if pairs is None:
        pairs = common_subsequence(wanted, written)
    result = ["O"] * len(source)
    for position, generated_position in pairs:
        result[position] = tags[generated_position]
    return Alignment(tuple(result), *_edits(pairs, len(wanted), len(written)))


def _subsequence(wanted: Sequence[str], written: Sequence[str]) -> list[tuple[int, int]] | None:
    """Match every written word to its earliest place; None where one has no place."""
    pairs: list[tuple[int, int]] = []
    position = 0
    for number, word in enumerate(written):
        while position < len(wanted) and wanted[position] != word:
            position += 1
        if position == len(wanted):
            return None
        pairs.append((position, number))
        position += 1
    return pairs


def _edits(pairs: list[tuple[int, int]], wanted: int, written: int) -> tuple[int, int, int]:
    """Count omitted, added and substituted words in the gaps between matched pairs.

    In a gap with m source and n generated words, min(m, n) words were substituted.
    """
    omitted = added = substituted = 0
    last = (-1, -1)
    for pair in [*pairs, (wanted, written)]:
        missing, extra = pair[0] - last[0] - 1, pair[1] - last[1] - 1
        both = min(missing, extra)
        substituted += both
        omitted += missing - both
        added += extra - both
        last = pair
    return omitted, added, substituted
