"""Annotations of this machine that are not complete: `gner clean` keeps the parts that they have.

While an annotation is at work, it names its artifacts as every run does. One that was killed does not,
but its parts are hours of work: they are kept as long as its output says that it is not complete.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from gner_core.annotating.sources import MANIFEST
from gner_core.runtime.files import read_json, write_file
from gner_core.runtime.processes import has_died, this_process
from gner_core.store.artifacts import ArtifactRef, Store
from gner_core.store.objects import Objects

FOLDER = "annotations"


@contextmanager
def working(store: Store, output: str, key: str, parts: Iterable[ArtifactRef]) -> Iterator[None]:
    """Note an annotation while this process works on it, and beyond where it does not complete it.

    Args:
        output: the URL of its folder.
    """
    file = store.scratch / FOLDER / f"{uuid4().hex}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    paths = sorted({ref.path for ref in parts})
    noted = {"output": output, "key": key, "parts": paths, "process": this_process()}
    write_file(file, json.dumps(noted))
    try:
        yield
    except BaseException:
        write_file(file, json.dumps({**noted, "process": None}))
        raise
    file.unlink(missing_ok=True)


def is_another_at_work(store: Store, output: str, key: str) -> bool:
    """Say whether a living process of this machine makes another annotation in a folder."""
    others = (
        noted["process"]
        for _, noted in _notes(store)
        if noted["output"] == output and noted["key"] != key
    )
    return any(process and not has_died(process) for process in others)


def parts_of_unfinished(store: Store) -> Iterator[str]:
    """Yield the paths of the artifacts that unfinished annotations need; forget those that ended.

    An annotation has ended where its output is complete, was removed, or belongs to another one.

    Raises:
        InputError: when an output cannot be looked at.
    """
    for file, noted in _notes(store):
        if _is_unfinished(noted["output"], noted["key"]):
            yield from noted["parts"]
        else:
            file.unlink(missing_ok=True)


def _is_unfinished(output: str, key: str) -> bool:
    objects = Objects(output)
    if MANIFEST not in objects.entries(""):
        return False
    try:
        manifest = json.loads(objects.read(MANIFEST))
        return bool(manifest["key"] == key and not manifest["complete"])
    except (ValueError, KeyError, TypeError):
        return True  # damaged: its parts are the only copy of the work


def _notes(store: Store) -> list[tuple[Path, dict[str, Any]]]:
    files = sorted((store.scratch / FOLDER).glob("*.json"))
    return [(file, read_json(file)) for file in files]
