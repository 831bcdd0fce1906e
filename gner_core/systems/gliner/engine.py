"""GLiNER as an engine: it answers with scored spans, and reads them as entities."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any, Literal, Self

from gner_core.config.systems.gliner import GlinerSystem
from gner_core.errors import InputError
from gner_core.records import Sentence
from gner_core.systems.gliner import reading
from gner_core.systems.gliner.environment import command
from gner_core.systems.gliner.process import Child
from gner_core.systems.interface import Reading


class GlinerReader:
    """Reads outputs; needs neither the package nor a model."""

    def __init__(self, params: GlinerSystem) -> None:
        """Read by the rules of these params."""
        self.params = params

    def read(self, words: Sequence[str], types: Sequence[str], outputs: Sequence[str]) -> Reading:
        """Return the entities of a sentence; what cannot be read is told, and never raises."""
        return reading.read(
            words,
            types,
            outputs,
            threshold=self.params.threshold,
            flat=self.params.flat,
            multi_label=self.params.multi_label,
        )


class Gliner(GlinerReader):
    """A model of GLiNER in a child process, which ends with the `with` block.

    An output is a JSON string: `{"candidates": [[start, end, type, score], …]}` with every span over
    the threshold, word positions with the end exclusive, or `{"too_long": "why"}`.
    """

    def __init__(
        self,
        params: GlinerSystem,
        *,
        model: Path,
        start: Sequence[str],
        batch: int,
        threads: int | None,
        dtype: Literal["float32", "bfloat16"],
        too_long: Literal["skip", "error"],
        given_up: Event | None = None,
        on_progress: Callable[[Mapping[str, Any]], object] = len,
    ) -> None:
        """Start a process and load a model.

        Args:
            model: a complete folder of GLiNER: config, safetensors weights, tokenizer.
            start: how the process is started, see `environment.command`.
            batch: sentences that are computed together.
            threads: CPU threads; None leaves the choice to torch.
            dtype: the number format in which it computes.
            too_long: what happens to sentences over the model's limits, which gliner would cut.
            given_up: once it is set, what waits for an answer raises `Stopped`.
            on_progress: called with `done` and `total` sentences while it answers.

        Raises:
            InputError: for a folder that is incomplete, or whose config names code.
        """
        super().__init__(params)
        self._batch, self._too_long, self._on_progress = batch, too_long, on_progress
        self.child = Child(start, given_up=given_up)
        load = {"do": "load", "model": str(model), "dtype": dtype, "threads": threads}
        try:
            self.facts: dict[str, Any] = {**self.child.hello, **self.child.ask(load)}
            """Versions, device, limits in words and tokens, number of weights (`parameters`)."""
        except BaseException:
            self.child.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.close()

    def answer(self, sentences: Sequence[Sentence]) -> list[tuple[str, ...]]:
        """Return one output for every sentence, in order.

        Raises:
            InputError: for a sentence over the model's limits, where the params say so.
        """
        asked = [{"words": one.words, "types": list(dict.fromkeys(one.types))} for one in sentences]
        answers = self.child.ask(
            {
                "do": "answer",
                "sentences": asked,
                "threshold": self.params.threshold,
                "batch": self._batch,
            },
            on_progress=self._on_progress,
        )["answers"]
        for sentence, answer in zip(sentences, answers, strict=True):
            if reading.TOO_LONG in answer and self._too_long == "error":
                raise InputError(
                    f"{sentence.id}: {answer[reading.TOO_LONG]}; set decode.too_long: skip, or "
                    "cut_at_words in the corpus"
                )
        return [(json.dumps(answer, ensure_ascii=False),) for answer in answers]


def skipped(outputs: Sequence[str]) -> str | None:
    """Return why a sentence was not asked, None where it was."""
    for output in outputs:
        value = json.loads(output)
        if reading.TOO_LONG in value:
            return str(value[reading.TOO_LONG])
    return None


def complete(
    environment: Path, *, source: Path, encoder: Path | None, target: Path
) -> dict[str, Any]:
    """Write a released checkpoint into a folder that `Gliner` takes, as safetensors.

    Args:
        source: folder with gliner_config.json and model.safetensors or pytorch_model.bin.
        encoder: folder with config and tokenizer of its encoder; needed for the first releases,
            which hold neither.

    Returns:
        Limits in words and tokens, and the number of weights.

    Raises:
        InputError: for a folder that lacks a file or a weight, or whose config names code.
    """
    request = {
        "do": "complete",
        "source": str(source),
        "encoder": str(encoder) if encoder else None,
        "target": str(target),
    }
    with Child(command(environment)) as child:
        return child.ask(request)
