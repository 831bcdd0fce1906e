"""Turns the prompts and training texts of text systems into token ids.

`END` in them is the tokenizer's own end token. A text is tokenized as a whole, so that a prompt has
the same tokens in training and in generation; where a system says that its pieces stand apart, each
is tokenized alone.
"""

from collections.abc import Sequence
from itertools import accumulate

from gner_core.backbones.tokens import Example, Tokens
from gner_core.errors import InputError
from gner_core.systems.interface import END, Piece


class TextEncoder(Tokens):
    """A tokenizer with the conventions of its backbone, for texts of any system."""

    def prompts(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of prompts, in one call of the tokenizer."""
        return self.sources([self._ended(text) for text in texts])

    def example(self, pieces: Sequence[Piece], *, apart: bool) -> Example:
        """Return the ids of a training text.

        Args:
            pieces: the last one carries loss; the end token is added to it where it has none.
            apart: tokenize every piece alone.

        Raises:
            InputError: for an encoder-decoder, where something is learned before the last answer.
        """
        learned = [piece.loss for piece in pieces]
        if not self.decoder_only:
            at = learned.index(True)
            if not all(learned[at:]):
                raise InputError(
                    "the system's training texts have several answers; they need a decoder_only "
                    "backbone"
                )
            source = "".join(piece.text for piece in pieces[:at])
            target = "".join(piece.text for piece in pieces[at:]).removesuffix(END)
            (asked,) = self.prompts([source])
            return Example(asked, [*self.plain(self._ended(target)), self.end])
        ids, losses = self._apart(pieces) if apart else self._joined(pieces)
        while ids[-1] == self.end:  # of the last piece, or added by the tokenizer
            ids, losses = ids[:-1], losses[:-1]
        ids, losses = [*ids, self.end], [*losses, pieces[-1].loss]
        first = losses.index(True)
        silent = frozenset(n for n, loss in enumerate(losses[first:]) if not loss)
        return Example(ids[:first], ids[first:], silent)

    def _joined(self, pieces: Sequence[Piece]) -> tuple[list[int], list[bool]]:
        """Tokenize one text; a token carries loss if its last character does."""
        texts = [self._ended(piece.text) for piece in pieces]
        found = self.tokenizer("".join(texts), return_offsets_mapping=True)
        ends = list(accumulate(map(len, texts)))
        losses, piece = [], 0
        for start, end in found["offset_mapping"]:
            while end > ends[piece]:
                piece += 1
            losses.append(pieces[piece].loss and end > start)  # one of no width begins the text
        return found["input_ids"], losses

    def _apart(self, pieces: Sequence[Piece]) -> tuple[list[int], list[bool]]:
        """Tokenize every piece alone, the first one with the token that begins a text."""
        rows = [self.plain(self._ended(piece.text)) for piece in pieces]
        rows[0] = self.sources([self._ended(pieces[0].text)])[0]
        ids = [token for row in rows for token in row]
        losses = [piece.loss for piece, row in zip(pieces, rows, strict=True) for _ in row]
        return ids, losses

    def _ended(self, text: str) -> str:
        return text.replace(END, self.tokenizer.eos_token)
