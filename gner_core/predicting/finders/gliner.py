"""GLiNER: its package scores spans in a child process."""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from gner_core.config.systems.gliner import GlinerSystem
from gner_core.errors import InputError
from gner_core.predicting.finders.finder import Asked, Found, found_in
from gner_core.records import Sentence
from gner_core.systems.gliner.engine import Gliner
from gner_core.systems.gliner.inputs import words_read
from gner_core.systems.gliner.reading import scores
from gner_core.systems.naming import type_names
from gner_core.systems.registry import reader

TOKENIZER = "tokenizer.json"


class GlinerFinder:
    """Finds entities with the scores that the model gives them."""

    rated = True

    def __init__(self, engine: Gliner, params: GlinerSystem, *, model: Path) -> None:
        """Bind a child process that has loaded the model of a folder.

        Raises:
            InputError: when the folder holds no tokenizer.json, or the table of type names cannot
                be read.
        """
        self.engine = engine
        self._names = type_names(params.type_names)
        self._reader = reader(params)
        try:
            self._tokenizer = Tokenizer.from_file(str(model / TOKENIZER))
        except Exception as error:  # the library raises nothing narrower
            raise InputError(f"{model / TOKENIZER}: cannot be read ({error})") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def fits(self, words: Sequence[str], types: Sequence[str]) -> bool:
        """Say whether the model takes so many words, and the encoder their tokens and the types'."""
        facts = self.engine.facts
        if len(words) > facts["most_words"]:
            return False
        return self.size(words, types) <= int(facts["most_tokens"])

    def size(self, words: Sequence[str], types: Sequence[str]) -> int:
        """Return the tokens that the encoder reads."""
        read = words_read(words, self._theirs(types), causal=False)
        return len(self._tokenizer.encode(read, is_pretokenized=True).ids)

    def expect(self, lists: Sequence[tuple[str, ...]]) -> None:
        """Do nothing: only windows of one batch share anything."""

    def __call__(self, asked: Sequence[Asked]) -> list[Found]:
        """Return the entities with their scores."""
        sentences = [
            Sentence(
                *(f"window {n}", "texts", tuple(words), ("O",) * len(words)),
                types=tuple(self._theirs(types)),
            )
            for n, (words, types) in enumerate(asked, start=1)
        ]
        found = []
        for (words, types), outputs in zip(asked, self.engine.answer(sentences), strict=True):
            scored = scores(outputs, words=len(words))
            reading = self._reader.read(words, types, outputs)
            named = zip(reading.spans, self._theirs([s.label for s in reading.spans]), strict=True)
            confidences = {s: scored[s._replace(label=theirs)] for s, theirs in named}
            found.append(found_in(reading, confidences))
        return found

    def _theirs(self, types: Sequence[str]) -> list[str]:
        """Return the system's names of types."""
        return [self._names.get(name, name) for name in types]
