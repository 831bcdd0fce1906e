"""Files of one's own, and what is read of them."""

from collections import Counter
from pathlib import Path
from typing import Any

from gner_core.corpora.prepare import stream_split
from gner_core.corpora.recognition import Recognised, recognise
from gner_core.records import spans_of

TEXT = "Ida Moe saw Oslo."
RECORD: dict[str, Any] = {"text": TEXT, "marks": [[0, 7, "PER"], [12, 16, "LOC"]]}


def look_at(folder: Path, content: str | bytes, name: str = "own.txt") -> Recognised:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return recognise(folder, {"train": (name,)}, name="own")


def entities(found: Recognised) -> list[tuple[str, str]]:
    """The texts and published labels of the entities that were read."""
    params = found.params.model_copy(update={"labels": "open"})
    stream = stream_split("own", params, split="train", folder=found.folder, repairs=Counter())
    return [
        (" ".join(s.words[span.start : span.end]), span.label)
        for s in stream
        for span in spans_of(s.tags)
    ]
