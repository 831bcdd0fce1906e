"""Where the time of guided decoding goes: tokens that are fed, passes, and kinds of work.

    python -m tests.benchmarks.guided CHECKPOINT SENTENCES.jsonl --batch 1 --batch 16 --rounds 5

A line of the file is a JSON object with `words` and `types`. Every round begins without anything
cached, so that no sentence is met a second time. Seconds are those of the processor, medians of
the rounds: with one thread, other work on the machine counts little.
"""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated, Literal

import torch
import typer
from rich.table import Table
from torch.profiler import ProfilerActivity, profile

from flows.cli.messages import input_errors
from flows.views.output import Output
from gner_core.generation.guided.costs import NOMINAL, PassCosts, pass_costs
from gner_core.generation.guided.decoding import GuidedAnswer, GuidedGenerator, GuidedQuery
from gner_core.generation.guided.progress import SentenceProgress
from gner_core.generation.packed.forward import Feed
from gner_core.generation.parts import plan_parts
from gner_core.predicting.finders.labels import LabelFinder
from gner_core.predicting.loading.folder import load_folder
from gner_core.systems.gner.prompts import shuffled

KINDS = {
    "matrices": ("mm", "linear", "matmul"),
    "attention": ("attention", "softmax"),
    "moving": ("copy", "index", "cat", "fill", "zero", "repeat", "gather", "clone", "scatter"),
}
"""Kinds of work by parts of the names of torch's operations; others are arithmetic."""
ARITHMETIC, PYTHON = "arithmetic", "Python"


@dataclass(slots=True)
class Counts:
    """What was fed for a set of sentences."""

    passes: int = 0
    prompt: int = 0
    """Tokens of prompts, shared ones once."""
    answer: int = 0
    """Tokens of answers that are part of them."""
    fed: int = 0
    """All tokens; those of drafts that were wrong are neither prompt nor answer."""


@dataclass(slots=True)
class Measured:
    """A batch size with what was measured."""

    counts: Counts
    answers: list[GuidedAnswer]
    seconds: list[float] = field(default_factory=list)
    """Of the processor, a round each."""
    kinds: dict[str, float] = field(default_factory=dict)
    """Seconds of a sentence by kind of work, with a profiler, which slows Python down."""


class Bench:
    """A model, and the batches of some sentences."""

    def __init__(
        self, checkpoint: Path, asks: Sequence[GuidedQuery], costs: PassCosts | None
    ) -> None:
        finder = load_folder(checkpoint, about=None, beams=1, batch=1, costs=costs).finder
        assert isinstance(finder, LabelFinder)
        self.loaded, self.asks = finder.generator, asks
        self.costs = costs or pass_costs(self.loaded.model)

    def fresh(self) -> GuidedGenerator:
        """Return a generator that has nothing cached, and expects the sentences as an experiment does."""
        encoder = type(self.loaded.encoder)(
            self.loaded.encoder.tokenizer, self.loaded.encoder.backbone, self.loaded.encoder.form
        )
        generator = GuidedGenerator(self.loaded.model, encoder, beams=1, costs=self.costs)
        generator.expect(ask.types for ask in self.asks)
        return generator

    def batches(self, size: int) -> list[list[int]]:
        """Return the batches of all sentences, as an experiment makes them."""
        prompts = self.loaded.encoder.prompts((ask.words, ask.types) for ask in self.asks)
        return plan_parts([*map(len, prompts)], batch=size, tokens=65536)

    def count(self, size: int) -> Measured:
        """Decode once and count what is fed."""
        counts, answers, generator = Counts(), {}, self.fresh()
        forward, begin = generator.forward, generator._begin  # noqa: SLF001 (knows what is of use)
        feed = forward.feed
        begun: list[tuple[SentenceProgress, int]] = []

        def fed(rows: Sequence[int], feeds: Sequence[Feed]) -> torch.Tensor:
            counts.passes += 1
            counts.fed += sum(len(one.tokens) for one in feeds)
            return feed(rows, feeds)

        def recorded(asked: Sequence[GuidedQuery]) -> list[SentenceProgress]:
            before = counts.fed
            found = begin(asked)
            counts.prompt += counts.fed - before  # beginnings that are shared
            begun[:] = [(one, one.fed) for one in found]
            return found

        setattr(forward, "feed", fed)  # noqa: B010 (a method, for the type checker)
        setattr(generator, "_begin", recorded)  # noqa: B010
        for part in self.batches(size):
            asks = [self.asks[n] for n in part]
            prompts = self.loaded.encoder.prompts((ask.words, ask.types) for ask in asks)
            answers |= dict(zip(part, generator(asks), strict=True))
            for (sentence, start), prompt in zip(begun, prompts, strict=True):
                own = len(prompt) if generator.encoder.decoder_only else start
                counts.prompt += own - start
                counts.answer += sentence.fed - own
        return Measured(counts, [answers[n] for n in range(len(self.asks))])

    def seconds(self, size: int) -> float:
        """Decode once; return the seconds of the processor."""
        generator, batches = self.fresh(), self.batches(size)
        began = time.process_time()
        for part in batches:
            generator([self.asks[n] for n in part])
        return time.process_time() - began

    def kinds(self, size: int) -> dict[str, float]:
        """Return the seconds of a sentence by kind of work, measured on some batches."""
        generator, batches = self.fresh(), self.batches(size)
        some = batches[:: max(1, len(batches) // 4)]
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            began = time.process_time()
            for part in some:
                generator([self.asks[n] for n in part])
            whole = time.process_time() - began
        times: Counter[str] = Counter()
        for event in profiler.key_averages():
            name = event.key.removeprefix("aten::")
            kinds = (kind for kind, words in KINDS.items() if any(word in name for word in words))
            times[next(kinds, ARITHMETIC)] += event.self_cpu_time_total / 1e6
        times[PYTHON] = max(0.0, whole - times.total())
        sentences = sum(map(len, some))
        return {kind: times[kind] / sentences for kind in (*KINDS, ARITHMETIC, PYTHON)}


def read(file: Path, order: str) -> list[GuidedQuery]:
    """Return the sentences of a file with their types in an order."""
    asks = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines()):
        found = json.loads(line)
        types = tuple(found["types"])
        if order == "shuffled":
            types = shuffled(types, seed=1, epoch=0, sentence_id=str(number))
        elif order == "sorted":
            types = tuple(sorted(types))
        asks.append(GuidedQuery(tuple(found["words"]), types))
    return asks


def main(
    checkpoint: Annotated[Path, typer.Argument(help="Folder of a checkpoint of gner.")],
    sentences: Annotated[Path, typer.Argument(help="JSON lines with words and types.")],
    batch: Annotated[list[int] | None, typer.Option(help="Repeatable; 1, 4, 16, 32.")] = None,
    rounds: Annotated[int, typer.Option(min=0, help="Timed, all sizes in turn.")] = 3,
    order: Annotated[
        Literal["shuffled", "sorted", "written"], typer.Option(help="Of the types of a sentence.")
    ] = "shuffled",
    threads: Annotated[int, typer.Option(min=1)] = 1,
    nominal: Annotated[bool, typer.Option(help="The same costs of passes on all machines.")] = True,
    kinds: Annotated[bool, typer.Option(help="Profile some batches of each size.")] = True,
    output: Annotated[Path | None, typer.Option(help="JSON file for figures and answers.")] = None,
) -> None:
    """Print sentences a second, fed tokens, and time by kind of work, by size of the batches."""
    torch.set_num_threads(threads)
    with input_errors():
        asks = read(sentences, order)
        bench = Bench(checkpoint, asks, NOMINAL if nominal else None)
    sizes = batch or [1, 4, 16, 32]
    found = {size: bench.count(size) for size in sizes}
    for _ in range(rounds):
        for size in sizes:
            found[size].seconds.append(bench.seconds(size))
    for size in sizes if kinds else ():
        found[size].kinds = bench.kinds(size)
    if output:
        output.write_text(json.dumps([_figures(size, one) for size, one in found.items()]))
    Output().print(_table(found, len(asks)))


def _table(found: dict[int, Measured], sentences: int) -> Table:
    title = f"{sentences} sentences; tokens and milliseconds of the processor are of one"
    table = Table(title=title)
    names = ("batch", "sentences/s", "passes", "prompt", "answer", "thrown away")
    for name in (*names, *KINDS, ARITHMETIC, PYTHON):
        table.add_column(name, justify="right")
    for size, one in found.items():
        counts = one.counts
        thrown = counts.fed - counts.prompt - counts.answer
        tokens = [f"{n / sentences:.1f}" for n in (counts.prompt, counts.answer, thrown)]
        speed = f"{sentences / median(one.seconds):.2f}" if one.seconds else ""
        kinds = [f"{1000 * seconds:.1f}" for seconds in one.kinds.values()]
        table.add_row(str(size), speed, str(counts.passes), *tokens, *kinds)
    return table


def _figures(size: int, one: Measured) -> dict[str, object]:
    counts = one.counts
    return {
        "batch": size,
        "passes": counts.passes,
        "prompt": counts.prompt,
        "answer": counts.answer,
        "fed": counts.fed,
        "seconds": one.seconds,
        "kinds": one.kinds,
        "tags": [answer.tags for answer in one.answers],
        "probabilities": [answer.probabilities for answer in one.answers],
    }


if __name__ == "__main__":
    typer.run(main)
