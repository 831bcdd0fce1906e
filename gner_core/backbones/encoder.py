"""Turns gner's prompts and targets into token ids."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from transformers import PreTrainedTokenizerBase

from gner_core.backbones.tokens import Example, Tokens, shared_prefix
from gner_core.config.backbone import BackboneParams
from gner_core.config.systems.gner import TargetForm
from gner_core.systems.gner.prompts import prompt
from gner_core.systems.gner.targets import longest_target, target

PROMPTS_AT_ONCE = 512
KEPT_STEMS, KEPT_TAGS = 1000, 100_000
"""Type lists and tags whose tokens are kept: a server is asked about ever new ones."""


class Encoder(Tokens):
    """A tokenizer with the conventions of its backbone, and gner's prompts and targets."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, backbone: BackboneParams, form: TargetForm
    ) -> None:
        super().__init__(tokenizer, backbone)
        self.form = form
        self._stems: dict[tuple[str, ...] | None, list[int]] = {}
        self._tag_lengths: dict[str, int] = {}

    def prompts(self, pairs: Iterable[tuple[Sequence[str], Sequence[str]]]) -> list[list[int]]:
        """Return the source ids of (words, types) pairs, in one call of the tokenizer."""
        before, after = self.backbone.prompt_before, self.backbone.prompt_after
        return self.sources(
            [f"{before}{prompt(words, types, self.form)}{after}" for words, types in pairs]
        )

    def stem(self, types: Sequence[str] | None) -> list[int]:
        """Return the tokens with which all prompts begin, or all prompts with these types."""
        key = tuple(types) if types else None
        if key not in self._stems:
            if len(self._stems) >= KEPT_STEMS:
                self._stems.clear()
            one, other = self.prompts([(("a",), key or ("b",)), (("1",), key or ("2",))])
            self._stems[key] = one[: shared_prefix([one, other])]
        return self._stems[key]

    def example(self, words: Sequence[str], tags: Sequence[str], types: Sequence[str]) -> Example:
        """Return the ids of a training example."""
        (source,) = self.prompts([(words, types)])
        return Example(source, [*self.plain(target(words, tags, self.form)), self.end])

    def target_length(self, words: Sequence[str], tags: Sequence[str]) -> int:
        """Return the number of tokens of a target with its end token."""
        return len(self.plain(target(words, tags, self.form))) + 1

    def prompt_lengths(self, pairs: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Iterator[int]:
        """Yield the numbers of tokens of many prompts; each call of the tokenizer takes hundreds."""
        pairs = iter(pairs)
        while part := list(islice(pairs, PROMPTS_AT_ONCE)):
            yield from map(len, self.prompts(part))

    def budget(self, words: Sequence[str], types: Sequence[str], source: int) -> int:
        """Return the tokens of the longest possible answer within the limits; 0 if none fits."""
        filled = longest_target(words, types, self.form, length=self._tag_length)
        longest = len(self.plain(filled)) + 1
        if self.backbone.family == "decoder_only":
            return max(0, min(longest, self.backbone.max_source_tokens - source))
        fits = source <= self.backbone.max_source_tokens
        return min(longest, self.backbone.max_target_tokens) if fits else 0

    def count(self, texts: Sequence[str]) -> int:
        """Return the tokens of all texts together, with their end tokens."""
        rows = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"] if texts else []
        return sum(len(row) + 1 for row in rows)

    def round_trip(self, words: list[str]) -> list[str]:
        """Return what the tokenizer gives back for each word (Appendix D)."""
        ids = self.tokenizer(words, add_special_tokens=False)["input_ids"]
        given: list[str] = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        return given

    def _tag_length(self, tag: str) -> int:
        """Return the tokens of a tag between two words."""
        if tag not in self._tag_lengths:
            if len(self._tag_lengths) >= KEPT_TAGS:
                self._tag_lengths.clear()
            self._tag_lengths[tag] = len(self.plain(f"a({tag}) a"))
        return self._tag_lengths[tag]
