"""The sentences of a generation and their batches; what is written depends on the system."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from transformers import PreTrainedModel

from gner_core.backbones.load import is_out_of_memory, load_for_inference
from gner_core.config.backbone import BackboneParams
from gner_core.config.systems.any import DecodeParams, System
from gner_core.errors import InputError
from gner_core.records import Sentence, read_sentences
from gner_core.runtime.worker import Request
from gner_core.systems.gner.prompts import shuffled

TOO_LONG = "over the token limits"
R = TypeVar("R", bound=Sentence)


class GenerateRequest(Request):
    """A checkpoint and the sentences for which it generates."""

    backbone: BackboneParams
    system: System
    decode: DecodeParams
    model: str
    """Folder of the checkpoint."""
    sentences: str
    """Parquet file of the sentences."""
    batch: int
    """Sentences of a batch, at most; one counts for each order of its types."""
    batch_tokens: int
    """Tokens of a batch, prompts and longest answers, at most."""
    processes: int
    """Processes that share the batches."""
    exact: bool
    """Compute in float32."""
    package: str | None = None
    """Environment of the system's package, where it has one."""


def types_in_order(sentence: Sentence, decode: DecodeParams) -> tuple[str, ...]:
    """Return the types of a sentence in the order of its prompt."""
    if decode.type_order == "listed":
        return sentence.types
    if decode.type_order == "alphabetical":
        return tuple(sorted(sentence.types))
    return shuffled(sentence.types, seed=decode.seed, epoch=0, sentence_id=sentence.id)


class Job(ABC, Generic[R]):
    """The sentences of a generation, and their batches (`parts`), which become records."""

    parts: list[list[int]]
    """The indices of the sentences of every batch."""
    budgets: list[int]
    """Tokens of the longest answer to each sentence, 0 for one that is over the limits."""

    def __init__(self, request: GenerateRequest) -> None:
        """Read the sentences, and put their types in the order of the prompts."""
        self.request = request
        self.sentences = read_sentences(Path(request.sentences))
        self.types = [types_in_order(s, request.decode) for s in self.sentences]

    @abstractmethod
    def skipped(self, index: int) -> R | None:
        """Return the empty record of a sentence over the limits, None for others."""

    @abstractmethod
    def generated(self, part: Sequence[int]) -> list[R]:
        """Return the records of a batch."""

    @abstractmethod
    def write(self, path: Path, records: Sequence[R]) -> None:
        """Write records as one Parquet file."""

    @abstractmethod
    def read(self, path: Path) -> list[R]:
        """Read a file that `write` has written."""

    @abstractmethod
    def finish(self, folder: Path, records: Sequence[R]) -> dict[str, Any]:
        """Write the records of all sentences into a folder; return facts for the summary."""

    def answer(self, part: Sequence[int]) -> list[R]:
        """Return the records of a batch; where memory runs out, it is halved.

        Raises:
            InputError: when memory runs out with one sentence.
        """
        try:
            return self.generated(part)
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

    @cached_property
    def model(self) -> PreTrainedModel:
        """The model, loaded when the first batch needs it."""
        request = self.request
        if request.threads:
            torch.set_num_threads(request.threads)
        elif not torch.cuda.is_available():
            torch.set_num_threads(max(1, (os.cpu_count() or 1) // request.processes))
        return load_for_inference(Path(request.model), request.backbone, exact=request.exact)

    @property
    def decoder(self) -> torch.nn.Module:
        """The part of the model through which all tokens of decoding go: its embedding."""
        model = self.model
        decoder = model.get_decoder() if model.config.is_encoder_decoder else model
        embedding: torch.nn.Module = decoder.get_input_embeddings()
        return embedding
