"""Aligns the tags of generated words with the words of the sentence, as in the paper.

Three tiers (Appendix D): equal sequences; a generated sequence that only omits words, matched
greedily from the left; else the longest common subsequence. Both sides are lower-cased first,
and source words are back-tokenised.

Example:
    >>> align(["New", "York"], ["york"], ["B-city"], back={})
    Alignment(tags=['O', 'B-city'], blocks=[(1, 0, 1)], ambiguous=0)
"""

from collections.abc import Mapping, Sequence

from gner_core.matching.alignment import Alignment, Blocks, copied, runs, same_words
from gner_core.matching.lcs import common_subsequence


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
        back: lower-cased source word → its decoded form, where that is another.
    """
    copy = Alignment(tags, [(0, 0, len(source))], ambiguous=0)
    if same_words(source, generated) and back.keys().isdisjoint(map(str.lower, source)):
        return copy
    wanted, written = _compared(source, generated, back)
    if wanted == written:
        return copy
    blocks = _subsequence(wanted, written)
    if blocks is None:
        blocks = common_subsequence(wanted, written)
    return Alignment(copied(blocks, tags, len(source)), blocks, ambiguous=0)


def needs_lcs(source: Sequence[str], generated: Sequence[str], *, back: Mapping[str, str]) -> bool:
    """Say whether the two cheaper tiers fail (Table 5 counts these pairs apart)."""
    wanted, written = _compared(source, generated, back)
    return wanted != written and _subsequence(wanted, written) is None


def _compared(
    source: Sequence[str], generated: Sequence[str], back: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Return both sides in the form in which they are compared."""
    wanted = [*map(str.lower, source)]
    if not back.keys().isdisjoint(wanted):
        wanted = [back.get(word, word) for word in wanted]
    return wanted, [*map(str.lower, generated)]


def _subsequence(wanted: list[str], written: Sequence[str]) -> Blocks | None:
    """Match each written word with the earliest equal one; None where there is none."""
    if len(written) >= len(wanted):  # and not equal to it
        return None
    positions: list[int] = []
    position = -1
    try:
        for word in written:
            position = wanted.index(word, position + 1)
            positions.append(position)
    except ValueError:
        return None
    return runs(zip(positions, range(len(positions)), strict=True))
