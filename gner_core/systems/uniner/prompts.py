"""UniNER's prompts, answers and training conversations; the wording is that of released models.

Example:
    >>> prompt(("Ada", "waves"), "person").partition("</s>")[2]
    'USER: What describes person in the text? ASSISTANT:'
"""

import json
from collections.abc import Iterable, Sequence

from gner_core.systems.interface import END, Piece

OPENING = "A virtual assistant answers questions from a user based on the provided text."
TRAINING_OPENING = OPENING.replace("text.", "paragraph.")
"""The published training code spells the last word so; the code for inference does not."""
ACKNOWLEDGEMENT = "I've read this text."

Turn = tuple[str, str]
"""Question and answer."""


def question(asked: str) -> str:
    """Return the question for a type, or for the definition of one."""
    return f"What describes {asked} in the text?"


def answer(strings: Iterable[str]) -> str:
    r"""Return the answer that names strings, in their order, repeated ones included.

    Example:
        >>> answer(["Zoé", "Ada"])
        '["Zo\\u00e9", "Ada"]'
    """
    return json.dumps(list(strings))


def prompt(words: Sequence[str], asked: str) -> str:
    """Return the prompt that asks for one type."""
    return f"{_beginning(words)}{_turn(asked)}"


def later_turn(asked: str) -> str:
    """Return what follows the answer before it, to ask for one more type."""
    return f"{END}{_turn(asked)}"


def conversation(words: Sequence[str], turns: Iterable[Turn]) -> tuple[Piece, ...]:
    """Return a training text that begins as the prompts do, for one tokenization of the whole."""
    pieces = [Piece(_beginning(words), loss=False)]
    for asked, answered in turns:
        pieces += [Piece(_turn(asked), loss=False), Piece(f" {answered}{END}", loss=True)]
    return tuple(pieces)


def published_conversation(words: Sequence[str], turns: Iterable[Turn]) -> tuple[Piece, ...]:
    """Return the pieces of the published training code, which tokenizes each of them apart."""
    text = f"Text: {' '.join(words)}"
    pieces: list[Piece] = []
    for asked, answered in [(text, ACKNOWLEDGEMENT), *((question(q), a) for q, a in turns)]:
        opening = "" if pieces else f"{TRAINING_OPENING} "
        pieces += [
            Piece(f"{opening}USER: {asked}", loss=False),
            Piece("ASSISTANT: ", loss=False),
            Piece(f"{answered}{END}", loss=True),
        ]
    return tuple(pieces)


def _beginning(words: Sequence[str]) -> str:
    return f"{OPENING} USER: Text: {' '.join(words)} ASSISTANT: {ACKNOWLEDGEMENT}{END}"


def _turn(asked: str) -> str:
    return f"USER: {question(asked)} ASSISTANT:"
