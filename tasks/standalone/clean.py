"""Which artifacts of the store nobody refers to, and freeing them.

Referred to are the reports, what MLflow's registry names (every registered checkpoint, and what was
decided about it), what a run in progress on this machine needs, what annotations of this machine have
that are not complete, what is locked or leased, and all inputs of these. Nobody refers to the parts of
a complete annotation, since its output holds all of them, nor to what a step has left that was not
finished; the same run would go on with that. Deleting a version in MLflow, or a report in the store,
lets go of what it refers to.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gner_core.annotating.unfinished import parts_of_unfinished
from gner_core.errors import InputError, Stopped
from gner_core.runtime.locks import AT_ONCE
from gner_core.store.artifacts import ArtifactRef, Store
from gner_core.store.usage import in_use, no_new_runs
from tasks.checkpoints.registry import CHECKPOINT, RegistryAwayError, answering, referred
from tasks.tracking.records import Records

REPORTS = ("report/", "sweep-report/")
PARTS = "annotate/"


@dataclass(frozen=True)
class Unused:
    """An artifact that nobody refers to, or what an unfinished step has left on this machine."""

    ref: ArtifactRef
    title: str
    """Empty of an unfinished step."""
    created: str
    """ISO time, UTC; of an unfinished step the time of the last change."""
    bytes: int
    unfinished: bool = False


def clean(store: Store, records: Records | None, *, free: bool) -> list[Unused]:
    """Return published artifacts that nobody refers to, and unfinished work; delete them if told.

    The largest come first. What a run or a worker is still at is not among them.

    Raises:
        InputError: when MLflow does not answer.
    """
    with no_new_runs(store):
        found = _unused(store, records)
        return [one for one in found if _is_removed(one, store)] if free else found


def _unused(store: Store, records: Records | None) -> list[Unused]:
    published = [ref for step in store.steps() for ref in store.published(step)]
    manifests = {ref: store.manifest(ref) for ref in published}
    inputs = {ref.path: tuple(one.get("inputs", {}).values()) for ref, one in manifests.items()}
    kept: set[str] = set()
    used = in_use(store, published)
    waiting = [*_roots(inputs, records), *used, *parts_of_unfinished(store)]
    while waiting:
        path = waiting.pop()
        if path not in kept:
            kept.add(path)
            waiting += inputs.get(path, ())
    found = [_described(ref, one) for ref, one in manifests.items() if ref.path not in kept]
    begun = store.begun().items()
    found += [_begun(ref, folders) for ref, folders in begun if ref.path not in used]
    return sorted(found, key=lambda one: (-one.bytes, one.ref.path))


def _roots(inputs: Mapping[str, Sequence[str]], records: Records | None) -> Iterator[str]:
    """Yield the reports, and what the registry refers to: with it the tests of registered checkpoints."""
    yield from (path for path in inputs if path.startswith(REPORTS))
    try:
        with answering():
            named = referred(records) if records else set()
    except RegistryAwayError as fault:
        raise InputError(
            f"MLflow does not answer ({fault}); without it nobody knows what is registered"
        ) from None
    yield from named
    stored = {path for path in named if path.startswith(f"{CHECKPOINT}/")}
    uses = {path for path, given in inputs.items() if stored.intersection(given)}
    tested = {path for path in uses if not path.startswith(PARTS)}
    yield from tested
    yield from (path for path, given in inputs.items() if tested.intersection(given))


def _described(ref: ArtifactRef, manifest: Mapping[str, Any]) -> Unused:
    size = sum(entry["size"] for entry in manifest["files"].values())
    return Unused(ref, str(manifest["title"]), manifest["created"], size)


def _begun(ref: ArtifactRef, folders: Sequence[Path]) -> Unused:
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    changed = max(path.stat().st_mtime for path in (*folders, *files))
    when = datetime.fromtimestamp(changed, UTC).isoformat(timespec="seconds")
    return Unused(ref, "", when, size, unfinished=True)


def _is_removed(one: Unused, store: Store) -> bool:
    """Remove what was found, unless another process has locked it."""
    try:
        with store.lock(one.ref, given_up=AT_ONCE):
            if one.unfinished:
                store.discard(one.ref)
            else:
                store.remove(one.ref)
    except Stopped:
        return False
    return True
