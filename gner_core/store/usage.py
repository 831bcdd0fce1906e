"""Which artifacts are in use: by runs of this machine, and by whoever builds one.

A run names what it needs in a file below the store's scratch folder, since a step that is skipped
holds no lock. What is removed is looked for and removed under the same lock under which runs write
these files.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import uuid4

from gner_core.errors import Stopped
from gner_core.runtime.files import read_json, write_file
from gner_core.runtime.locks import AT_ONCE, IN_USE, file_lock
from gner_core.runtime.processes import has_died, this_process
from gner_core.store.artifacts import LEASE, ArtifactRef, Store

RUNS = "runs"
COPY = "copy-"
"""Begins the name of the lock under which a remote artifact is copied."""


@contextmanager
def using(store: Store, refs: Iterable[ArtifactRef]) -> Iterator[None]:
    """Keep artifacts from being removed on this machine; waits while others are removed."""
    file = store.scratch / RUNS / f"{uuid4().hex}.json"
    content = {"process": this_process(), "artifacts": sorted({ref.path for ref in refs})}
    with no_new_runs(store):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_file(file, json.dumps(content))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def no_new_runs(store: Store) -> AbstractContextManager[None]:
    """Return the lock that runs of this machine take before they look at what is published."""
    return file_lock(store.scratch / "locks" / RUNS)


def in_use(store: Store, published: Collection[ArtifactRef]) -> set[str]:
    """Return the paths of artifacts that runs of this machine need, or that are locked or leased.

    Args:
        published: those of a remote store that may be leased.
    """
    found = {path for file in (store.scratch / RUNS).glob("*.json") for path in _needed(file)}
    for file in (store.scratch / "locks").glob("*-*"):
        if _is_held(file):
            step, _, key = file.name.removeprefix(COPY).rpartition("-")
            found.add(f"{step}/{key}")
    for ref, folders in store.begun().items():  # a worker may outlive the run that began it
        if any(_is_held(folder / IN_USE) for folder in folders if (folder / IN_USE).exists()):
            found.add(ref.path)
    if not store.objects.is_local:
        found |= {ref.path for ref in published if store.objects.exists(f"{ref.path}/{LEASE}")}
    return found


def _needed(file: Path) -> list[str]:
    """Return what a run needs; nothing, and without its file, where its process has died."""
    content = read_json(file)
    if has_died(content["process"]):
        file.unlink(missing_ok=True)
        return []
    needed: list[str] = content["artifacts"]
    return needed


def _is_held(file: Path) -> bool:
    try:
        with file_lock(file, given_up=AT_ONCE):
            return False
    except Stopped:
        return True
