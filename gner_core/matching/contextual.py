"""Aligns generated tags with the sentence where the paper's rule loses or splits entities.

The longest common subsequence of the words as they are matches most generated words. In the gaps
it is computed again with words in folded form: lower-cased, back-tokenised, Unicode compatibility
form. Then each entity is located in the gap between the matched words around it:

1. All its words follow each other in the gap: they are the entity, in the text's spelling where
   there is a choice. Several equally good matches make it ambiguous.
2. Some of its words are unmatched: the rest of both sides is compared letter by letter, so that
   `manattan` finds `manhattan`, `York,` finds `York` and `,`, and `NewYork` finds both of its
   words. Punctuation and 's at its end do not count as the entity's.
3. Its words are apart: they move together where the sentence repeats them; words that the model
   skipped inside an entity belong to it, unless more were skipped than written.

Example:
    >>> source, words = "in the end the beatles won".split(), "in the beatles won".split()
    >>> align_in_context(source, words, ["O", "B-band", "I-band", "O"], back={}).tags
    ['O', 'O', 'O', 'B-band', 'I-band', 'O']
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from operator import eq, itemgetter
from unicodedata import normalize

from rapidfuzz.distance import LCSseq, Levenshtein

from gner_core.matching.alignment import Alignment, Blocks, copied, runs, same_words
from gner_core.records import Span

NEAR = 0.6
"""Share of a word's letters that must be found for it to count as the same word."""


def align_in_context(
    source: Sequence[str],
    generated: Sequence[str],
    tags: Sequence[str],
    *,
    back: Mapping[str, str],
) -> Alignment:
    """Return one tag for each source word, as `gner_core.matching.paper.align` does.

    `tags` must be valid BIO.
    """
    if same_words(source, generated):
        return Alignment(tags, [(0, 0, len(source))], ambiguous=0)
    context = _Context(source, generated, back)
    result = copied(context.blocks, tags, len(source))
    entities = _unsure(context.blocks, tags)
    for entity in entities:
        for position in context.positions[entity.start : entity.end]:
            if position >= 0:
                result[position] = "O"
    for entity in entities:
        span = context.locate(entity)
        if span:
            _write(span, result)
    return Alignment(result, context.blocks, context.ambiguous)


class _Context:
    """One sentence and the words written for it.

    `positions` holds for each generated word its source position, or -1; `blocks` the runs of words
    that were matched, from left to right.
    """

    def __init__(
        self, source: Sequence[str], generated: Sequence[str], back: Mapping[str, str]
    ) -> None:
        self.source, self.generated, self.back = source, generated, back
        self.ambiguous = 0
        self.positions = [-1] * len(generated)
        self.blocks: list[tuple[int, int, int]] = []
        for low, high, first, last in self._match(0, len(generated), 0, len(source), folded=False):
            self._match(low, high, first, last, folded=True)
        self.blocks.sort()
        self._starts = [start for _, start, _ in self.blocks]
        self._near_words: dict[int, list[tuple[int, int]]] = {}
        self._gaps: dict[tuple[int, int], dict[str, list[int]]] = {}

    def _match(
        self, low: int, high: int, first: int, last: int, *, folded: bool
    ) -> list[tuple[int, int, int, int]]:
        """Match generated words low..high with source words first..last; return unmatched gaps."""
        written, wanted = self.generated[low:high], self.source[first:last]
        if folded:
            written, wanted = self._folded(written), self._folded(wanted)
            if set(written).isdisjoint(wanted):
                return []
        gaps = []
        at, to = low, first
        for block in LCSseq.opcodes(written, wanted).as_matching_blocks():
            start, position, size = low + block.a, first + block.b, block.size
            if start > at and position > to:
                gaps.append((at, start, to, position))
            at, to = start + size, position + size
            if size:
                self.positions[start:at] = range(position, to)
                self.blocks.append((position, start, size))
        return gaps

    def _folded(self, words: Sequence[str]) -> list[str]:
        """Return the form in which words are compared."""
        lowered = [*map(str.lower, words)]
        if not self.back.keys().isdisjoint(lowered):
            lowered = [self.back.get(word, word) for word in lowered]
        if all(map(str.isascii, lowered)):
            return lowered
        return [normalize("NFKC", word).lower() for word in lowered]

    def locate(self, entity: Span) -> Span | None:
        """Return the entity as a span of the sentence, None where it is not found."""
        positions = self.positions[entity.start : entity.end]
        size = len(positions)
        low, high = self._gap(entity)
        if high - low == size and -1 not in positions:
            return Span(low, high, entity.label)
        start = self._whole(entity, low, high)
        if start is not None:
            self.positions[entity.start : entity.end] = range(start, start + size)
            return Span(start, start + size, entity.label)
        exact = [position for position in positions if position >= 0]
        near = self._trimmed(set(self._near(entity)) - set(exact), exact)
        return self._joined(sorted([*exact, *near]), entity.label)

    def _trimmed(self, near: set[int], exact: list[int]) -> list[int]:
        """Leave out punctuation and clitics at both ends, unless nothing else is there."""
        inner = [*exact, *(position for position in near if not _attached(self.source[position]))]
        if not inner:
            return [*near]
        return [position for position in near if min(inner) <= position <= max(inner)]

    def _gap(self, entity: Span) -> tuple[int, int]:
        """Return the source positions between the words matched around an entity."""
        before, after = entity.start - 1, entity.end
        if before >= 0 and self.positions[before] < 0:
            before = self._unmatched(before).start - 1
        if after < len(self.positions) and self.positions[after] < 0:
            after = self._unmatched(after).stop
        low = self.positions[before] + 1 if before >= 0 else 0
        return low, self.positions[after] if after < len(self.positions) else len(self.source)

    def _unmatched(self, number: int) -> range:
        """Return the generated words around `number` between two matched runs."""
        index = bisect_right(self._starts, number)
        start = self._starts[index - 1] + self.blocks[index - 1][2] if index else 0
        stop = self._starts[index] if index < len(self._starts) else len(self.positions)
        return range(start, stop)

    def _by_word(self, low: int, high: int) -> dict[str, list[int]]:
        """Return the positions of each folded word in a gap, cached: several entities may share it."""
        if (low, high) not in self._gaps:
            positions = self._gaps[low, high] = {}
            for position, word in enumerate(self._folded(self.source[low:high]), low):
                positions.setdefault(word, []).append(position)
        return self._gaps[low, high]

    def _whole(self, entity: Span, low: int, high: int) -> int | None:
        """Return where all words of the entity follow each other in the gap."""
        words = list(self.generated[entity.start : entity.end])
        size = len(words)
        if high - low <= size:  # the common subsequence compared the only candidate
            return None
        written = self._folded(words)
        starts = [
            at
            for at in self._by_word(low, high).get(written[0], ())
            if at <= high - size and self._folded(self.source[at : at + size]) == written
        ]
        if len(starts) < 2:
            return starts[0] if starts else None
        spelled = [sum(map(eq, self.source[at : at + size], words)) for at in starts]
        best = [at for at, same in zip(starts, spelled, strict=True) if same == max(spelled)]
        self.ambiguous += len(best) > 1
        now = self.positions[entity.start]
        return now if now in best else best[0]

    def _near(self, entity: Span) -> list[int]:
        """Return source positions whose words are nearly the entity's unmatched words."""
        found: list[int] = []
        number = entity.start
        while number < entity.end:
            if self.positions[number] >= 0:
                number += 1
                continue
            run = self._unmatched(number)
            if run.start not in self._near_words:
                low, high = self._gap(Span(run.start, run.stop, ""))
                self._near_words[run.start] = self._carried(run, range(low, high))
            carried = self._near_words[run.start]
            found += [position for position, by in carried if entity.start <= by < entity.end]
            number = run.stop
        return found

    def _carried(self, numbers: range, positions: range) -> list[tuple[int, int]]:
        """Pair source positions with unmatched generated words by their letters."""
        written = self._folded([self.generated[number] for number in numbers])
        wanted = self._folded([self.source[position] for position in positions])
        if not any(written) and len(written) == len(wanted):  # words outside the vocabulary
            return list(zip(positions, numbers, strict=True))
        if len(written) == len(wanted) == 1:
            letters = LCSseq.similarity(written[0], wanted[0])
            near = letters >= NEAR * max(len(written[0]), len(wanted[0]))
            return [(positions[0], numbers[0])] if near else []
        common = _common_letters(written, wanted)
        used, found = Counter[int](), Counter[int]()
        for (number, position), letters in common.items():
            used[number] += letters
            found[position] += letters
        best: dict[int, int] = {}
        for (number, position), _ in common.most_common():
            if used[number] >= NEAR * len(written[number]):
                best.setdefault(position, number)
        return [
            (positions[position], numbers[number])
            for position, number in best.items()
            if found[position] >= NEAR * len(wanted[position])
        ]

    def _joined(self, covered: list[int], label: str) -> Span | None:
        """Return the span of words that belong together, moved together where they repeat."""
        if not covered:
            return None
        if covered[-1] - covered[0] + 1 == len(covered):
            return Span(covered[0], covered[-1] + 1, label)
        first = covered[0]
        words = self._folded(self.source[first : covered[-1] + 1])
        for index in range(len(covered) - 2, -1, -1):  # towards the last word
            to = covered[index + 1] - 1
            if words[covered[index] - first] == words[to - first]:
                covered[index] = to
        for index in range(1, len(covered)):  # towards the first word
            to = covered[index - 1] + 1
            if words[covered[index] - first] == words[to - first]:
                covered[index] = to
        if covered[-1] - covered[0] + 1 > 2 * len(covered):
            start, _, size = max(runs(zip(covered, covered, strict=True)), key=itemgetter(2))
            return Span(start, start + size, label)
        return Span(covered[0], covered[-1] + 1, label)


def _unsure(blocks: Blocks, tags: Sequence[str]) -> list[Span]:
    """Return the entities that hold an unmatched word or touch the end of a matched run."""
    entities: list[Span] = []
    at = end = 0
    for _, start, size in [*blocks, (0, len(tags), 0)]:
        near = range(max(at - 1, end), min(start + 1, len(tags)))
        if tags[near.start : near.stop].count("O") < len(near):
            for position in near:
                if position >= end and tags[position] != "O":
                    entities.append(_entity_at(tags, position))
                    end = entities[-1].end
        at = start + size
    return entities


def _common_letters(written: Sequence[str], wanted: Sequence[str]) -> Counter[tuple[int, int]]:
    """Count letters that each pair of words shares, by an alignment of all letters."""
    written_owner = [number for number, word in enumerate(written) for _ in word]
    wanted_owner = [position for position, word in enumerate(wanted) for _ in word]
    common: Counter[tuple[int, int]] = Counter()
    for block in Levenshtein.opcodes("".join(written), "".join(wanted)).as_matching_blocks():
        common.update(
            zip(
                written_owner[block.a : block.a + block.size],
                wanted_owner[block.b : block.b + block.size],
                strict=True,
            )
        )
    return common


def _attached(word: str) -> bool:
    """Say whether a word is punctuation or a clitic ('s), written onto the word before it."""
    return word.startswith(("'", "’")) or not any(map(str.isalnum, word))


def _entity_at(tags: Sequence[str], position: int) -> Span:
    start, end = position, position + 1
    while tags[start].startswith("I-"):
        start -= 1
    while end < len(tags) and tags[end].startswith("I-"):
        end += 1
    return Span(start, end, tags[start][2:])


def _write(span: Span, tags: list[str]) -> None:
    """Tag the words of a span that no other entity holds, up to the first that is held."""
    start = span.start
    while start < span.end and tags[start] != "O":
        start += 1
    prefix = "B-"
    while start < span.end and tags[start] == "O":
        tags[start] = prefix + span.label
        prefix = "I-"
        start += 1
