"""Mean lengths of the sentences of a corpus in tokens, as measured before: params/costs/lengths.yaml.

Owns the table. Does not own measuring (`corpora.lengths`, `gner data lengths`).

Example:
    table = read_lengths(LENGTHS)
    table["t5"]["crossner-ai"].target
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from gner_core.corpus_params import Model
from gner_core.errors import InputError
from gner_core.experiment_file import read_yaml

COSTS = Path(__file__).parents[2] / "params" / "costs"
LENGTHS = COSTS / "lengths.yaml"

Tokens = Annotated[float, Field(gt=0)]


class MeasuredLengths(Model):
    """Means over the sentences of all splits of a corpus."""

    words: Tokens
    prompt: Tokens
    target: Tokens


class LikeOthers(Model):
    """A corpus whose texts were not at hand: the mean of others stands for it."""

    like: tuple[str, ...] = Field(min_length=1)
    pieces: float = Field(default=1.0, ge=1)
    """Sentences that one of Table 8 is cut into."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Mean words, prompt and target tokens of a sentence."""

    words: float
    prompt: float
    target: float
    pieces: float
    """Sentences that one of Table 8 is cut into."""
    stand_in: bool
    """Whether they are those of other corpora."""


Entry = MeasuredLengths | LikeOthers
Table = Mapping[str, Mapping[str, Lengths]]
"""Tokenizer → corpus → lengths."""


def read_lengths(path: Path) -> Table:
    """Read the table.

    Raises:
        InputError: for a file that cannot be read, or an entry that names no measured corpus.
    """
    try:
        table = TypeAdapter(dict[str, dict[str, Entry]]).validate_python(read_yaml(path))
        return {
            tokenizer: {name: _resolved(entry, column) for name, entry in column.items()}
            for tokenizer, column in table.items()
        }
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(map(str, fault["loc"]))
        raise InputError(f"{path}: {place}: {fault['msg']}") from None
    except KeyError as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from None


def _resolved(entry: Entry, column: Mapping[str, Entry]) -> Lengths:
    if isinstance(entry, MeasuredLengths):
        return Lengths(entry.words, entry.prompt, entry.target, pieces=1.0, stand_in=False)
    others = [column[name] for name in entry.like]
    measured = [one for one in others if isinstance(one, MeasuredLengths)]
    if len(measured) < len(others):
        raise KeyError(f"like: {', '.join(entry.like)}: names a corpus that is not measured")
    return Lengths(
        sum(one.words for one in measured) / len(measured),
        sum(one.prompt for one in measured) / len(measured),
        sum(one.target for one in measured) / len(measured),
        pieces=entry.pieces,
        stand_in=True,
    )
