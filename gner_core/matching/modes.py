"""From generated text to tags of the sentence, in each mode of `MatchParams`.

- gner: uses the sentence and its types (`systems.gner.reading`, `contextual`);
- paper: does what the published code does (`systems.gner.published`, `paper`);
- position: the n-th generated tag goes to the n-th word (Table 6, one reading of "w/o LCS");
- text: entities as generated, not located in the sentence (the other reading).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from gner_core.config.systems.gner import MatchParams, TargetForm
from gner_core.matching.alignment import Alignment, edits
from gner_core.matching.contextual import align_in_context
from gner_core.matching.paper import align
from gner_core.records import is_bio, published_spans, tags_of
from gner_core.systems.gner.published import read_published
from gner_core.systems.gner.reading import (
    ReadText,
    TagReader,
    read_bracketed,
    read_generated,
    read_lean,
)
from gner_core.systems.naming import ours_by_name, retagged


class Matched(NamedTuple):
    """Tags of a sentence and what was wrong with the text.

    `written` holds the generated words where the tags belong to those (mode text), else None.
    `unknown` counts tags with a type that was not requested, `unread` says that text was left over.
    """

    tags: tuple[str, ...]
    written: tuple[str, ...] | None
    omitted: int
    added: int
    substituted: int
    ambiguous: int
    unknown: int
    unread: bool


class Matcher:
    """Reads and aligns generated texts in one mode."""

    def __init__(
        self,
        match: MatchParams,
        form: TargetForm,
        *,
        back: Mapping[str, str],
        names: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Bind a mode and a target form.

        Args:
            back: word or type → its decoded form.
            names: what texts call our types, where it differs.
        """
        self.mode = match.mode
        self.form = form
        self.back = back if match.back_tokenization else {}
        self.names = names
        self._readers: dict[frozenset[str], TagReader] = {}

    def __call__(self, words: Sequence[str], types: Sequence[str], text: str) -> Matched:
        """Return the tags of `words`, one each and valid BIO, whatever `text` holds."""
        ours = ours_by_name(types, self.names)
        read = self._read(words, [*ours], text)
        if self.names:
            read = read._replace(tags=retagged(read.tags, ours))
        aligned = self._align(words, read)
        changed = edits(aligned.blocks, len(words), len(read.words))
        in_text = self.mode == "text"
        return Matched(
            _as_bio(read.tags) if in_text else tuple(aligned.tags),
            tuple(read.words) if in_text else None,
            *changed,
            aligned.ambiguous,
            read.unknown,
            bool(read.rest),
        )

    def _align(self, words: Sequence[str], read: ReadText) -> Alignment:
        if self.mode == "gner":
            return align_in_context(words, read.words, _as_bio(read.tags), back=self.back)
        if self.mode == "position":
            return _by_position(words, read)
        aligned = align(words, read.words, read.tags, back=self.back)
        return Alignment(_as_bio(aligned.tags), aligned.blocks, ambiguous=0)

    def _read(self, words: Sequence[str], types: Sequence[str], text: str) -> ReadText:
        if self.mode != "gner" and self.form.labels == "BIO":
            return read_published(text, types)
        key = frozenset(types)
        reader = self._readers.get(key)
        if reader is None:
            bioes = self.form.labels == "BIOES"
            reader = self._readers[key] = TagReader(types, back=self.back, bioes=bioes)
        if self.form.labels == "brackets":
            return read_bracketed(text, words, reader, gap=self.form.gap)
        if self.form.labels == "BI":
            return read_lean(text, words, reader, gap=self.form.gap)
        return read_generated(text, words, reader)


def _by_position(words: Sequence[str], read: ReadText) -> Alignment:
    size = min(len(words), len(read.tags))
    tags = (*read.tags[:size], *["O"] * (len(words) - size))
    return Alignment(_as_bio(tags), [(0, 0, size)], ambiguous=0)


def _as_bio(tags: Sequence[str]) -> tuple[str, ...]:
    """Return valid BIO tags with the entities that the published code sees."""
    return tuple(tags) if is_bio(tags) else tags_of(published_spans(tags), len(tags))
