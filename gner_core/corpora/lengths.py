"""Token counts of the prompts and targets of a corpus, compared with the limits of a backbone.

The counts are those of `gner_core.backbones.encoder.Encoder`, without the external types (§4.2)
that a training stage may add.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from gner_core.config.backbone import BackboneParams
from gner_core.config.systems.gner import TargetForm
from gner_core.errors import InputError
from gner_core.records import Sentence
from gner_core.systems.gner.prompts import prompt
from gner_core.systems.gner.targets import target

SENTENCES_AT_ONCE = 2000


class TokenCounter:
    """Counts the tokens of prompts and targets, on all cores."""

    def __init__(self, path: Path, backbone: BackboneParams, form: TargetForm) -> None:
        """Read a `tokenizer.json`, or a folder that holds one.

        Raises:
            InputError: when there is none, or it cannot be read.
        """
        os.environ["TOKENIZERS_PARALLELISM"] = "true"
        from tokenizers import Tokenizer

        file = path / "tokenizer.json" if path.is_dir() else path
        if not file.is_file():
            raise InputError(f"{file}: no tokenizer; give a folder with a tokenizer.json")
        try:
            self.tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # noqa: BLE001  # the library raises nothing narrower
            raise InputError(f"{file}: not a tokenizer.json ({error})") from None
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.backbone = backbone
        self.form = form

    def lengths(self, sentences: Iterable[Sentence]) -> Iterator[tuple[int, int]]:
        """Yield the tokens of prompt and target of each sentence, with its own types."""
        continued = self.backbone.family == "decoder_only"
        sentences = iter(sentences)
        while part := list(islice(sentences, SENTENCES_AT_ONCE)):
            before, after = self.backbone.prompt_before, self.backbone.prompt_after
            prompts = [f"{before}{prompt(s.words, s.types, self.form)}{after}" for s in part]
            targets = [target(s.words, s.tags, self.form) for s in part]
            sources = self.tokenizer.encode_batch_fast(prompts, add_special_tokens=True)
            written = self.tokenizer.encode_batch_fast(targets, add_special_tokens=False)
            for source, answer in zip(sources, written, strict=True):
                # A prompt that is to be continued lacks the end token that some tokenizers add.
                left_out = source.special_tokens_mask[-1] if continued else 0
                yield len(source.ids) - left_out, len(answer.ids) + 1  # and the end token


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean, 95th percentile and maximum of numbers of tokens."""

    mean: float
    most: int
    """95 % have so many or fewer."""
    longest: int

    @classmethod
    def of(cls, lengths: list[int]) -> "Spread":
        """Summarise at least one number."""
        ordered = sorted(lengths)
        at = -(-95 * len(ordered) // 100) - 1
        return cls(sum(ordered) / len(ordered), ordered[at], ordered[-1])


@dataclass(frozen=True, slots=True)
class LengthReport:
    """The lengths of a corpus."""

    corpus: str
    sentences: int
    prompt: Spread
    target: Spread
    over_prompt: int
    """Prompts longer than the limit alone."""
    over_target: int
    """Targets longer than the limit alone."""
    over: int
    """Sentences that do not fit: for decoder-only, prompt and target together."""


def length_report(
    corpus: str, sentences: Iterable[Sentence], counter: TokenCounter
) -> LengthReport:
    """Count the sentences of a corpus, at least one."""
    pairs = list(counter.lengths(sentences))
    backbone = counter.backbone
    prompts, targets = [source for source, _ in pairs], [written for _, written in pairs]
    return LengthReport(
        corpus,
        len(pairs),
        Spread.of(prompts),
        Spread.of(targets),
        over_prompt=sum(source > backbone.max_source_tokens for source in prompts),
        over_target=sum(written > backbone.max_target_tokens for written in targets),
        over=sum(not backbone.fits(source, written) for source, written in pairs),
    )
