"""A trained model that finds entities in texts: `gner_core.load(checkpoint).predict(texts, types)`."""

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from gner_core.backbones.encoder import Encoder
from gner_core.backbones.load import load_for_inference, load_tokenizer
from gner_core.backbones.number_format import number_format
from gner_core.backbones.text_encoder import TextEncoder
from gner_core.config.backbone import BackboneParams
from gner_core.config.checkpoint import Description
from gner_core.config.reading.defaults import defaults
from gner_core.config.systems.base import TextSystemParams
from gner_core.config.systems.gliner import GlinerSystem
from gner_core.corpora.words import Word, line_ends, sentence_ends, split_words
from gner_core.errors import InputError
from gner_core.generation.guided.costs import NOMINAL, pass_costs
from gner_core.generation.guided.decoding import GuidedGenerator
from gner_core.predicting.entities import BYTES, Entity, checked_types, kind_of, listed, own_types
from gner_core.predicting.faults import told
from gner_core.predicting.finders.finder import Finder, Found
from gner_core.predicting.finders.gliner import GlinerFinder
from gner_core.predicting.finders.labels import LabelFinder
from gner_core.predicting.finders.texts import TextFinder
from gner_core.predicting.systems import own_description, predicting_system
from gner_core.predicting.windows import Window, merged, windows
from gner_core.records import Span
from gner_core.systems.gliner.engine import Gliner
from gner_core.systems.gliner.environment import command
from gner_core.systems.gner.targets import BIO

BATCH = 16
Text = str | Sequence[str]
"""A raw text, or the words of one that is split already."""


class Progress(Protocol):
    """Called after every batch of windows."""

    def __call__(self, done: int, total: int, *, share: float) -> None:
        """Take the number of windows that are done, of all, and the share of their tokens."""


@dataclass(frozen=True)
class Split:
    """The words of a text and the windows that it was cut into."""

    source: Text
    words: list[Word]
    windows: list[Window]

    def shown(self, window: Window) -> list[str]:
        """Return the words of a window."""
        return [word.text for word in self.words[window.start : window.end]]

    def entity(self, span: Span, confidence: float | None) -> Entity:
        """Return an entity with its offsets in the source."""
        first, last = self.words[span.start], self.words[span.end - 1]
        piece = self.source[first.start : last.end]
        text = piece if isinstance(piece, str) else " ".join(piece)
        return Entity(first.start, last.end, span.label, text, confidence)


class Predicted(NamedTuple):
    """The entities of every text, and what of the answers is none."""

    entities: list[list[Entity]]
    faults: Counter[str]
    """By the names of `gner_core.predicting.faults`."""


class Predictor:
    """Finds entities with one model. Not for use by several threads at once."""

    def __init__(self, description: Description, finder: Finder, *, batch: int) -> None:
        """Bind a model; use `load` to get one from a checkpoint."""
        self.description = description
        self.finder = finder
        self.batch = batch

    def predict(
        self,
        texts: Iterable[Text],
        types: Iterable[str] | None = None,
        *,
        report: Progress | None = None,
    ) -> list[list[Entity]]:
        """Return the entities of every text, left to right; no two of them share a word.

        A warning tells how much of a system's answers is no entity; gner's own have no faults.

        Args:
            texts: raw texts, or sequences of words, whose entities count words. Texts without
                words have no entities. Long ones are cut into overlapping windows.
            types: entity types, in the order in which the prompt names them; None takes those
                that the checkpoint was trained on last.
            report: called after every batch of windows.

        Raises:
            InputError: for types that are missing, blank, repeated or too many for the prompt,
                and for texts that are no texts, or hold a word too long for the model.
        """
        predicted = self.predict_and_count(texts, types, report=report)
        if line := told(predicted.faults):
            warnings.warn(line, stacklevel=2)
        return predicted.entities

    def predict_and_count(
        self,
        texts: Iterable[Text],
        types: Iterable[str] | None = None,
        *,
        report: Progress | None = None,
    ) -> Predicted:
        """Return what `predict` returns, and count what of the answers is no entity."""
        names = own_types(self.description) if types is None else checked_types(types)
        given = listed(texts, "texts")
        self._refuse_too_many(names)
        split = [self._split(text, names, number) for number, text in enumerate(given, start=1)]
        asked = [text.shown(window) for text in split for window in text.windows]
        answers: dict[int, Found] = {}
        sizes = [self.finder.size(words, names) for words in asked]
        if report:
            report(0, len(asked), share=0.0)
        for chosen in _batches(sizes, self.batch):
            found = self.finder([asked[n] for n in chosen], names)
            answers.update(zip(chosen, found, strict=True))
            if report:
                share = sum(sizes[n] for n in answers) / sum(sizes)
                report(len(answers), len(asked), share=share)
        in_order = iter([answers[n] for n in range(len(asked))])
        entities = [_entities(text, [next(in_order) for _ in text.windows]) for text in split]
        return Predicted(entities, sum((one.faults for one in answers.values()), Counter()))

    def _split(self, source: Text, types: tuple[str, ...], number: int) -> Split:
        if isinstance(source, BYTES):
            raise InputError(f"text {number} is bytes; decode it")
        if not isinstance(source, Sequence):
            raise InputError(f"text {number} is {kind_of(source)}; give a text, or its words")
        try:
            words = split_words(source) if isinstance(source, str) else _given_words(source)
        except InputError as error:
            raise InputError(f"text {number}: {error}") from None
        shown = [word.text for word in words]
        ends = sentence_ends(shown)
        if isinstance(source, str):
            ends = [a or b for a, b in zip(ends, line_ends(source, words), strict=True)]
        try:
            cuts = windows(ends, fits=lambda start, end: self.finder.fits(shown[start:end], types))
        except ValueError as error:
            at = int(str(error))
            raise InputError(
                f"text {number}, word {at + 1} ({shown[at][:30]!r}, {len(shown[at]):,} "
                f"characters): too long for the {self._limit()} with these types"
            ) from None
        return Split(source, words, cuts)

    def _refuse_too_many(self, types: Sequence[str]) -> None:
        """Raise where the types leave no room for even one short word."""
        if self.finder.fits(["a"], types):
            return
        low, high = 0, len(types)  # low types fit, high do not
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.finder.fits(["a"], types[:middle]) else (low, middle)
        if not self.finder.fits(["a"], types[low : low + 1]):
            raise InputError(
                f"type {low + 1} ({len(types[low]):,} characters) is too long for the "
                f"{self._limit()}; name it in fewer words"
            )
        raise InputError(
            f"{len(types)} types are too many for the {self._limit()}: the first {low} fit; "
            "ask for fewer types at a time"
        )

    def _limit(self) -> str:
        backbone = self.description.backbone
        return f"{backbone.max_source_tokens:,} tokens that {backbone.name} reads"


def load(
    checkpoint: Path,
    *,
    about: Description | None = None,
    beams: int = 1,
    batch: int = BATCH,
    exact: bool = False,
    package: Path | None = None,
) -> Predictor:
    """Load a checkpoint onto the accelerator where there is one.

    Args:
        checkpoint: folder with safetensors weights and their tokenizer.
        about: what it is; None reads its gner.json.
        beams: beam size over decisions of gner (1 to 16).
        batch: windows that are decoded together.
        exact: compute in float32, also where the backbone allows bfloat16.
        package: the environment of GLiNER's package.

    Raises:
        InputError: when the folder is no checkpoint, or one that does not find entities in texts;
            and for numbers that make no sense.
    """
    if not 1 <= beams <= 16 or batch < 1:
        raise InputError(f"beams {beams}, batch {batch}: beams are 1 to 16, a batch at least 1")
    description = about or own_description(checkpoint)
    backbone = description.backbone
    system = predicting_system(description, beams=beams, folder=checkpoint)
    finder: Finder
    if isinstance(system, GlinerSystem):
        engine = _gliner(checkpoint, backbone, system, package, batch=batch, exact=exact)
        finder = GlinerFinder(engine, system, model=checkpoint)
        return Predictor(description, finder, batch=batch)
    tokenizer = load_tokenizer(checkpoint)
    model = load_for_inference(checkpoint, backbone, exact=exact)
    if isinstance(system, TextSystemParams):
        finder = TextFinder(model, TextEncoder(tokenizer, backbone), system, batch=batch)
    else:
        encoder = Encoder(tokenizer, backbone, BIO)
        costs = NOMINAL if exact else pass_costs(model)
        generator = GuidedGenerator(model, encoder, beams=beams, costs=costs)
        finder = LabelFinder(encoder, generator)
    return Predictor(description, finder, batch=batch)


def _gliner(
    checkpoint: Path,
    backbone: BackboneParams,
    system: GlinerSystem,
    package: Path | None,
    *,
    batch: int,
    exact: bool,
) -> Gliner:
    if package is None:
        raise InputError(
            f"{checkpoint}: GLiNER runs in the environment of its package; use it with gner "
            "predict, gner test, or in an experiment"
        )
    return Gliner(
        system,
        model=checkpoint,
        start=command(package),
        batch=batch,
        threads=None,
        dtype=number_format(backbone, exact=exact),
        too_long="skip",
    )


def _given_words(source: Sequence[str]) -> list[Word]:
    """Return words that were split already; their offsets count words."""
    words = []
    for number, text in enumerate(source):
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"word {number + 1} is {text!r}; a word is a text that is not blank")
        split_words(text)  # refuses broken encodings
        words.append(Word(text, number, number + 1))
    return words


def _batches(sizes: Sequence[int], size: int) -> Iterator[list[int]]:
    """Yield the indices of windows of similar size, the largest first to fail early on memory."""
    order = sorted(range(len(sizes)), key=lambda n: -sizes[n])
    tokens = defaults()["execution"]["generate_tokens"]
    while order:
        number = max(1, min(size, tokens // sizes[order[0]]))
        yield order[:number]
        order = order[number:]


def _entities(text: Split, found: Sequence[Found]) -> list[Entity]:
    entities = []
    for number, span in merged(text.windows, [[*one.entities] for one in found]):
        start = text.windows[number].start
        inside = Span(span.start - start, span.end - start, span.label)
        entities.append(text.entity(span, found[number].entities[inside]))
    return entities
