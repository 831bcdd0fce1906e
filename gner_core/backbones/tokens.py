"""A tokenizer with the conventions of its backbone's family, and examples in tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from gner_core.config.backbone import BackboneParams


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of a training text: a prompt, and what is learned after it."""

    source: list[int]
    target: list[int]
    """Ends with the end token."""
    silent: frozenset[int] = frozenset()
    """Positions in `target` that carry no loss, as questions between answers."""
    counted: bool = True
    """False for an example without loss, which only keeps a device in step with the others."""

    @property
    def lengths(self) -> tuple[int, int]:
        """Tokens without loss, and tokens with loss."""
        learned = len(self.target) - len(self.silent)
        return len(self.source) + len(self.silent), learned

    def labels(self, ignored: int) -> list[int]:
        """Return the target with `ignored` where there is no loss."""
        if not self.counted:
            return [ignored] * len(self.target)
        if not self.silent:
            return self.target
        return [ignored if n in self.silent else token for n, token in enumerate(self.target)]


def shared_prefix(prompts: Sequence[list[int]]) -> int:
    """Return how many tokens all prompts share at the start; at least one is left to each."""
    first, last = min(prompts), max(prompts)  # all others sort between them
    shortest = min(map(len, prompts)) - 1
    pairs = zip(first[:shortest], last[:shortest], strict=False)
    return next((n for n, (one, other) in enumerate(pairs) if one != other), shortest)


class Tokens:
    """A tokenizer with the conventions of its backbone."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, backbone: BackboneParams) -> None:
        self.tokenizer = tokenizer
        self.backbone = backbone
        self.end: int = tokenizer.eos_token_id

    @property
    def decoder_only(self) -> bool:
        """Whether prompt and answer are one sequence."""
        return self.backbone.family == "decoder_only"

    def plain(self, text: str) -> list[int]:
        """Return the ids of a text without the tokens that begin or end one."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def sources(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of prompts, in one call of the tokenizer."""
        ids: list[list[int]] = self.tokenizer(list(texts))["input_ids"] if texts else []
        return [self.without_end(row) for row in ids] if self.decoder_only else ids

    def without_end(self, ids: list[int]) -> list[int]:
        """Return ids without an end token that the tokenizer added: what is to go on has none."""
        return ids[:-1] if ids and ids[-1] == self.end else ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of generated ids, up to the end token."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text
