"""Back tokenization (Appendix D): words as a tokenizer decodes them after encoding them.

A model cannot write characters that its vocabulary lacks, so words of the sentence are compared
in their decoded form. Each distinct word is encoded once, in batches.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from gner_core.errors import InputError

RoundTrip = Callable[[list[str]], list[str]]
"""Words → their decoded texts, one each."""


class BackTokens:
    """Lower-cased word → its form after the round trip, for the words where the two differ."""

    def __init__(self, round_trip: RoundTrip) -> None:
        self.changed: dict[str, str] = {}
        self._round_trip = round_trip
        self._seen: set[str] = set()

    def learn(self, words: Iterable[str]) -> None:
        """Encode and decode all words not seen before. Types of entities count as words."""
        new = sorted({*map(str.lower, words)} - self._seen)
        if new:
            self._seen.update(new)
            given = self._round_trip(new)
            self.changed |= {w: back for w, back in zip(new, given, strict=True) if w != back}


def from_file(path: Path) -> RoundTrip:
    """Return the round trip of a `tokenizer.json`, or of a folder that holds one.

    Raises:
        InputError: when there is none, or it cannot be read.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # threads cost more than single words
    from tokenizers import Tokenizer

    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{file}: no tokenizer; give a tokenizer.json or a folder that holds one")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # noqa: BLE001  # the library raises nothing narrower
        raise InputError(f"{file}: not a tokenizer.json ({error})") from None

    def round_trip(words: list[str]) -> list[str]:
        encoded = tokenizer.encode_batch_fast(words, add_special_tokens=False)
        given: list[str] = tokenizer.decode_batch([each.ids for each in encoded])
        return given

    return round_trip
