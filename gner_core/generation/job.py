"""The sentences of a generation with their prompts, limits and batches, and the model."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch

from gner_core.backbones.encoder import Encoder
from gner_core.backbones.load import is_out_of_memory, load_for_inference, load_tokenizer
from gner_core.config.backbone import BackboneParams
from gner_core.config.system import DecodeParams, TargetForm
from gner_core.errors import InputError
from gner_core.generation.free import FreeGenerator
from gner_core.generation.guided.costs import NOMINAL, pass_costs
from gner_core.generation.guided.decoding import GuidedGenerator, GuidedQuery
from gner_core.generation.parts import plan_parts
from gner_core.matching.back_tokenization import BackTokens
from gner_core.records import Prediction, Sentence, read_sentences
from gner_core.runtime.worker import Request
from gner_core.systems.gner.prompts import shuffled
from gner_core.systems.gner.targets import BIO, target

TOO_LONG = "over the token limits"


class GenerateRequest(Request):
    """A checkpoint and the sentences for which it generates."""

    backbone: BackboneParams
    target: TargetForm
    decode: DecodeParams
    model: str
    """Folder of the checkpoint."""
    sentences: str
    """Parquet file of the sentences."""
    batch: int
    """Sentences of a batch, at most."""
    batch_tokens: int
    """Tokens of a batch, prompts and longest answers, at most."""
    processes: int
    """Processes that share the batches."""
    exact: bool
    """Compute in float32."""


class Job:
    """The sentences of a generation with their prompts, and their batches (`parts`)."""

    def __init__(self, request: GenerateRequest) -> None:
        """Read tokenizer and sentences, and plan the batches.

        Raises:
            InputError: for an unusable tokenizer, and for a sentence over the limits where
                `too_long` is "error".
        """
        self.request = request
        self.encoder = Encoder(
            load_tokenizer(Path(request.model)), request.backbone, request.target
        )
        self.sentences = read_sentences(Path(request.sentences))
        seed = request.decode.seed
        self.types = [
            shuffled(s.types, seed=seed, epoch=0, sentence_id=s.id) for s in self.sentences
        ]
        pairs = zip(self.sentences, self.types, strict=True)
        self.sources = self.encoder.prompts((s.words, types) for s, types in pairs)
        self.budgets = [self._budget(index) for index in range(len(self.sentences))]
        fitting = [index for index, budget in enumerate(self.budgets) if budget]
        sizes = [len(self.sources[index]) + self.budgets[index] for index in fitting]
        plan = plan_parts(sizes, batch=request.batch, tokens=request.batch_tokens)
        self.parts = [[fitting[n] for n in part] for part in plan]

    def _budget(self, index: int) -> int:
        """Return how many tokens an answer may have, 0 for a sentence over the limits."""
        sentence, source = self.sentences[index], len(self.sources[index])
        plain = self.encoder.target_length(sentence.words, ["O"] * len(sentence.words))
        if self.encoder.backbone.fits(source, plain):
            return self.encoder.budget(sentence.words, self.types[index], source)
        if self.request.decode.too_long == "error":
            raise InputError(
                f"{sentence.id}: a prompt of {source} tokens and an answer of {plain} are over the "
                "backbone's limits; set decode.too_long: skip, or cut_at_words in the corpus"
            )
        return 0

    def skipped(self, index: int) -> Prediction | None:
        """Return the empty prediction of a sentence over the limits, None for others."""
        if self.budgets[index]:
            return None
        return self._prediction(index, "", finished=False, skipped=TOO_LONG)

    def answer(self, part: Sequence[int]) -> list[Prediction]:
        """Return the predictions of a batch; where memory runs out, it is halved.

        Raises:
            InputError: when memory runs out with one sentence.
        """
        try:
            return self._generated(part)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if len(part) == 1:
                raise InputError(
                    f"{self.sentences[part[0]].id}: out of memory with this sentence alone"
                ) from error
        torch.cuda.empty_cache()
        half = len(part) // 2
        return [*self.answer(part[:half]), *self.answer(part[half:])]

    def back_tokens(self) -> BackTokens:
        """Return what the tokenizer gives back for the words and types of the sentences."""
        back = BackTokens(self.encoder.round_trip)
        back.learn(
            text for sentence in self.sentences for text in (*sentence.words, *sentence.types)
        )
        return back

    @property
    def decoder(self) -> torch.nn.Module:
        """The part of the model that runs once for every pass of decoding."""
        model = self._generator.model
        decoder: torch.nn.Module = (
            model.get_decoder() if model.config.is_encoder_decoder else model.base_model
        )
        return decoder

    def _generated(self, part: Sequence[int]) -> list[Prediction]:
        if isinstance(self._generator, FreeGenerator):
            free = self._generator([self.sources[n] for n in part], [self.budgets[n] for n in part])
            return [
                self._prediction(index, answer.text, finished=answer.finished)
                for index, answer in zip(part, free, strict=True)
            ]
        guided = self._generator(
            [GuidedQuery(self.sentences[n].words, self.types[n]) for n in part]
        )
        return [
            self._prediction(
                index,
                target(self.sentences[index].words, answer.tags, BIO),
                finished=True,
                decided=answer.tags,
                probabilities=answer.probabilities,
            )
            for index, answer in zip(part, guided, strict=True)
        ]

    def _prediction(
        self,
        index: int,
        text: str,
        *,
        finished: bool,
        skipped: str | None = None,
        decided: tuple[str, ...] | None = None,
        probabilities: tuple[float, ...] | None = None,
    ) -> Prediction:
        s: Sentence = self.sentences[index]
        known = (s.id, s.corpus, s.words, s.tags, self.types[index])
        return Prediction(*known, text, finished, skipped, decided, probabilities)

    @cached_property
    def _generator(self) -> FreeGenerator | GuidedGenerator:
        request, decode = self.request, self.request.decode
        if request.threads:
            torch.set_num_threads(request.threads)
        elif not torch.cuda.is_available():
            torch.set_num_threads(max(1, (os.cpu_count() or 1) // request.processes))
        model = load_for_inference(Path(request.model), request.backbone, exact=request.exact)
        if decode.mode == "free":
            return FreeGenerator(model, self.encoder, beams=decode.beams)
        costs = NOMINAL if request.exact else pass_costs(model)
        return GuidedGenerator(model, self.encoder, beams=decode.beams, costs=costs)
