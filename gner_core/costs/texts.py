"""Calls, prompts and answers of text systems a sentence, before there are any sentences.

A made-up sentence stands for those of a corpus: with their mean number of words, as many types, and
as many entities as the zero-shot test sets of the paper have a sentence. How many tokens its texts
have follows from gner's prompt for it, whose tokens are measured on the corpus itself.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import fmean

from gner_core.records import Span
from gner_core.systems.gner.prompts import prompt
from gner_core.systems.gner.targets import BIO
from gner_core.systems.interface import Piece, TextSystem

WORD, ENTITY_WORDS = "words", 2
ENTITIES = 3
"""Of a sentence: the zero-shot test sets have 21,830 in 6,470 sentences (Table 8)."""
DRAWS = 50
"""Of training texts: InstructUIE draws which sentences have which."""
TYPES_OF_OPEN = 8
"""In a prompt for a corpus of open types (Pile-NER: 7.86 in the published data)."""
Measure = Callable[[str], float]
"""Returns the tokens of a text."""


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence with its entities and types."""

    words: tuple[str, ...]
    spans: tuple[Span, ...]
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextLengths:
    """Means over sentences."""

    texts: float
    """Calls, or training texts, of a sentence."""
    prompt: float
    """Tokens of one of them that are read; so is `answer`: those that are written or learned."""
    answer: float


def made_up(*, words: float, types: int | None) -> Case:
    """Return a sentence that stands for those of a corpus; `types` is None for open ones."""
    names = tuple(f"type name {number}" for number in range(1, (types or TYPES_OF_OPEN) + 1))
    count = max(1, round(words))
    fitting = min(ENTITIES, len(names), count // ENTITY_WORDS)
    spans = (
        Span(n * ENTITY_WORDS, (n + 1) * ENTITY_WORDS, names[n % len(names)])
        for n in range(fitting)
    )
    return Case((WORD,) * count, tuple(spans), names)


def measure_like(case: Case, *, prompt_tokens: float) -> Measure:
    """Return a measure of texts by their characters.

    Args:
        prompt_tokens: those of gner's prompt (form BIO) for sentences such as this one.
    """
    share = prompt_tokens / len(prompt(case.words, case.types, BIO))
    return lambda text: share * len(text)


def called(system: TextSystem, cases: Iterable[Case], measure: Measure) -> TextLengths:
    """Return what a system asks and is answered in generation; shared beginnings count each time."""
    calls, prompts, answers = [], [], []
    for case in cases:
        queries = system.queries(case.words, case.types)
        answer = _learned(system, case, measure) / len(queries)
        before = 0.0
        for query in queries:
            asked = measure(query.prompt) + (before if query.follows else 0.0)
            before = asked + answer
            prompts.append(asked)
            answers.append(answer)
        calls.append(len(queries))
    return TextLengths(fmean(calls), fmean(prompts), fmean(answers))


def learned(system: TextSystem, cases: Iterable[Case], measure: Measure) -> TextLengths:
    """Return what a system is trained on; where it draws texts, the mean of some draws."""
    texts, read, written = [], [], []
    for case in cases:
        for seed in range(DRAWS):
            examples = _examples(system, case, seed=seed)
            texts.append(len(examples))
            for pieces in examples:
                read.append(sum(measure(piece.text) for piece in pieces if not piece.loss))
                written.append(sum(measure(piece.text) for piece in pieces if piece.loss))
    return TextLengths(fmean(texts), fmean(read), fmean(written))


def _learned(system: TextSystem, case: Case, measure: Measure) -> float:
    """Return the tokens of all answers to a sentence: those of its first training text."""
    pieces = _examples(system, case, seed=0)[0]
    return sum(measure(piece.text) for piece in pieces if piece.loss)


def _examples(system: TextSystem, case: Case, *, seed: int) -> list[tuple[Piece, ...]]:
    draw = random.Random(seed)
    return system.examples(case.words, case.spans, case.types, draw, epoch=0)
