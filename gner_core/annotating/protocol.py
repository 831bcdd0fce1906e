"""How a worker process is asked for the entities of part after part, over a Unix socket.

One JSON object a line:

    asked      {"texts": ["…", …], "file": "…/entities.parquet"}
    answered   {"faults": {…}, "not_read": [[3, "word 7: too long …"], …], "computed_in": "float32"}

and {"error": "one clear line"} for a fault of the input. The end of the connection ends the process.
Free of torch.
"""

import json
import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gner_core.annotating.entities import write_entities
from gner_core.errors import InputError


class Found(NamedTuple):
    """What was found in the texts of a part."""

    entities: list[list[dict[str, Any]] | None]
    """Of every text; None for one that the model cannot read."""
    faults: Mapping[str, int]
    """What of the answers is no entity, by the names of `gner_core.predicting.faults`."""
    not_read: Sequence[tuple[int, str]]
    """The texts that the model cannot read, by number from 0, and why."""


Find = Callable[[list[str]], Found]


def answer_parts(path: str, find: Find, *, facts: Mapping[str, Any]) -> None:
    """Find the entities of parts until the connection ends.

    Args:
        facts: added to every answer.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        with connection.makefile("rw", encoding="utf-8") as lines:
            for line in lines:
                try:
                    answer = {**_answer(json.loads(line), find), **facts}
                except InputError as error:
                    answer = {"error": str(error)}
                lines.write(json.dumps(answer) + "\n")
                lines.flush()


def _answer(asked: Mapping[str, Any], find: Find) -> dict[str, Any]:
    found = find(asked["texts"])
    write_entities(Path(asked["file"]), found.entities)
    return {"faults": dict(Counter(found.faults)), "not_read": list(found.not_read)}
