"""A trained model that finds entities in texts: `gner_core.load(checkpoint).predict(texts, types)`."""

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, overload

from gner_core.config.checkpoint import Description
from gner_core.corpora.words import line_ends, sentence_ends
from gner_core.errors import InputError
from gner_core.predicting.batches import batches
from gner_core.predicting.entities import checked_types, listed, own_types
from gner_core.predicting.faults import told
from gner_core.predicting.finders.finder import Asked, Finder, Found
from gner_core.predicting.prepared import Answer, Prepared, words_of
from gner_core.predicting.requests import Text, TextRequest, Threshold, least_confidences
from gner_core.predicting.results import Entities, Results
from gner_core.predicting.windows import WordTooLongError, windows


class Progress(Protocol):
    """Called after every batch of windows."""

    def __call__(self, done: int, total: int, *, share: float) -> None:
        """Take the number of windows that are done, of all, and the share of their tokens."""


class Predicted(NamedTuple):
    """The entities of every text, and what of the answers is none."""

    entities: Results
    faults: Counter[str]
    """By the names of `gner_core.predicting.faults`."""


class Predictor:
    """Finds entities with one model. Not for use by several threads at once."""

    def __init__(self, description: Description, finder: Finder, *, batch: int) -> None:
        """Bind a model; use `load` to get one from a checkpoint."""
        self.description = description
        self.finder = finder
        self.batch = batch

    @property
    def types(self) -> tuple[str, ...]:
        """The entity types that the checkpoint was trained on last; none of an imported backbone."""
        return self.description.types

    @overload
    def predict(  # type: ignore[overload-overlap]  # a text is no list of texts
        self,
        texts: str,
        types: Iterable[str] | None = None,
        *,
        threshold: Threshold | None = None,
        report: Progress | None = None,
    ) -> Entities: ...

    @overload
    def predict(
        self,
        texts: Iterable[Text],
        types: Iterable[str] | None = None,
        *,
        threshold: Threshold | None = None,
        report: Progress | None = None,
    ) -> Results: ...

    def predict(
        self,
        texts: str | Iterable[Text],
        types: Iterable[str] | None = None,
        *,
        threshold: Threshold | None = None,
        report: Progress | None = None,
    ) -> Entities | Results:
        """Return the entities of one text, or a list of those of every text, left to right.

        No two entities of a text share a word. The lists show themselves in a notebook. A warning
        tells how much of a system's answers is no entity; gner's own have no faults.

        Args:
            texts: one raw text, or a list of texts. A text of a list may also be a list of words,
                whose entities count words. Texts without words have no entities. Long ones are cut
                into overlapping windows.
            types: entity types, in the order in which the prompt names them; None takes those
                that the checkpoint was trained on last.
            threshold: the least confidence of an entity that is kept, 0 to 1: a number, or one
                for each type that has one. It changes only what is kept.
            report: called after every batch of windows.

        Raises:
            InputError: for types that are missing, blank, repeated or too many for the prompt,
                for texts that are no texts, or hold a word too long for the model, and for a
                threshold that is none, names another type, or meets a system without confidences.
        """
        given = [texts] if isinstance(texts, str) else texts
        predicted = self.predict_and_count(given, types, threshold=threshold, report=report)
        if line := told(predicted.faults):
            warnings.warn(line, stacklevel=2)
        return predicted.entities[0] if isinstance(texts, str) else predicted.entities

    def predict_and_count(
        self,
        texts: Iterable[Text],
        types: Iterable[str] | None = None,
        *,
        threshold: Threshold | None = None,
        report: Progress | None = None,
    ) -> Predicted:
        """Return what `predict` returns of a list, and count what of the answers is no entity."""
        names = self._checked(types)
        least = self._least(threshold, names)
        given = enumerate(listed(texts, "texts"), start=1)
        prepared = [self._cut(text, names, least, name=f"text {number}") for number, text in given]
        answers = self.answers(prepared, report=report)
        faults = sum((one.faults for one in answers), Counter[str]())
        return Predicted(Results((one.entities for one in answers), types=names), faults)

    def predict_each(
        self, requests: Iterable[TextRequest], *, report: Progress | None = None
    ) -> list[Answer]:
        """Return the entities of texts that have each their own types and threshold.

        They share batches. What is found equals what `predict` finds, up to the last digits of the
        confidences, which depend on what is in a batch.

        Raises:
            InputError: as `predict`; it names the number of the text.
        """
        given = enumerate(requests, start=1)
        prepared = [self.prepare(request, name=f"text {number}") for number, request in given]
        return self.answers(prepared, report=report)

    def prepare(self, request: TextRequest, *, name: str = "the text") -> Prepared:
        """Check a request, and cut its text into windows, which `find` takes.

        Args:
            name: of the text, for messages.

        Raises:
            InputError: as `predict`.
        """
        try:
            names = self._checked(request.types)
            least = self._least(request.threshold, names)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        return self._cut(request.text, names, least, name=name)

    def find(self, asked: Sequence[Asked]) -> list[Found]:
        """Return what is found in each window of one batch; windows of any texts may share it."""
        return self.finder(asked)

    def expect(self, lists: Sequence[tuple[str, ...]]) -> None:
        """Prepare for windows with these types; lists that stand here several times come fastest."""
        self.finder.expect(lists)

    def answers(self, prepared: Sequence[Prepared], *, report: Progress | None) -> list[Answer]:
        """Return the entities of texts that were prepared; their windows share batches."""
        asked = [window for text in prepared for window in text.asked]
        sizes = [size for text in prepared for size in text.sizes]
        found: dict[int, Found] = {}
        self.expect([types for _, types in asked])
        if report:
            report(0, len(asked), share=0.0)
        for chosen in batches(sizes, self.batch):
            found.update(zip(chosen, self.find([asked[n] for n in chosen]), strict=True))
            if report:
                report(len(found), len(asked), share=sum(sizes[n] for n in found) / sum(sizes))
        in_order = iter([found[n] for n in range(len(asked))])
        return [text.answer([next(in_order) for _ in text.windows]) for text in prepared]

    def _checked(self, types: Iterable[str] | None) -> tuple[str, ...]:
        names = own_types(self.description) if types is None else checked_types(types)
        self._refuse_too_many(names)
        return names

    def _least(self, threshold: Threshold | None, types: Sequence[str]) -> dict[str, float]:
        if threshold is not None and not self.finder.rated:
            system = self.description.trained_for
            raise InputError(
                f"threshold: the system {system.kind if system else 'gner'} answers with strings, "
                "so its entities have no confidence; leave the threshold out"
            )
        return least_confidences(threshold, types)

    def _cut(
        self, source: Text, types: tuple[str, ...], least: dict[str, float], *, name: str
    ) -> Prepared:
        words = words_of(source, name)
        shown = [word.text for word in words]
        ends = sentence_ends(shown)
        if isinstance(source, str):
            ends = [a or b for a, b in zip(ends, line_ends(source, words), strict=True)]
        try:
            cuts = windows(ends, fits=lambda start, end: self.finder.fits(shown[start:end], types))
        except WordTooLongError as error:
            at = error.position
            raise InputError(
                f"{name}, word {at + 1} ({shown[at][:30]!r}, {len(shown[at]):,} "
                f"characters): too long for the {self._limit()} with these types"
            ) from None
        sizes = [self.finder.size(shown[cut.start : cut.end], types) for cut in cuts]
        return Prepared(source, types, words, cuts, sizes, least)

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
