"""Finds the checkpoints of the store, of folders, of the hub and of the registry."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

from gner_core.config.reevaluation import ScanParams, WatchedFolder, WatchedRepository
from gner_core.errors import InputError
from gner_core.store.artifacts import Store
from tasks.checkpoints.identity import (
    Checkpoint,
    below,
    distinct,
    foreign_below,
    in_folder,
    named,
    published,
    registered,
)
from tasks.checkpoints.registry import STAGE, TRAIN, WHERE
from tasks.tracking.records import Version


def find_checkpoints(
    params: ScanParams,
    store: Store,
    versions: Mapping[str, Version],
    *,
    decided: Collection[str],
) -> tuple[list[Checkpoint], dict[str, InputError]]:
    """Return every checkpoint once, the oldest first, and location → fault of unreadable ones.

    Args:
        versions: what the registry knows, by the key of the checkpoint.
        decided: keys of checkpoints that may be missing, since they need no evaluation.

    Raises:
        InputError: when a folder to scan is missing.
    """
    found: list[Checkpoint] = []
    unread: dict[str, InputError] = {}
    for where, read in _locations(params, store):
        try:
            found.append(read())
        except InputError as fault:
            unread[where] = fault
    known = {one.key for one in found}
    for key, version in versions.items() if params.registry else ():
        if key in known or not _is_stage(version.tags.get(STAGE), params):
            continue
        where = version.tags[WHERE]
        try:
            found.append(registered(version.tags, store))
        except InputError as fault:
            if key not in decided:
                unread[where] = fault
    return distinct(one for one in found if is_wanted(one, params)), unread


def is_wanted(checkpoint: Checkpoint, params: ScanParams) -> bool:
    """Say whether a checkpoint is of a stage that is compared, or of an unknown stage."""
    return _is_stage(checkpoint.stage, params)


def _is_stage(stage: str | None, params: ScanParams) -> bool:
    return params.stages is None or stage is None or stage in params.stages


def _locations(params: ScanParams, store: Store) -> Iterator[tuple[str, Callable[[], Checkpoint]]]:
    """Yield the locations of checkpoints, each with the function that reads it."""
    for ref in store.published(TRAIN) if params.store else ():
        yield ref.path, partial(published, ref, store)
    for name in params.folders:
        for folder in below(Path(name)):
            yield str(folder), partial(in_folder, folder)
    for watched in params.foreign.values():
        about = Path(watched.about) if watched.about else None
        for name in _names(watched):
            yield name, partial(named, name, store, about=about)


def _names(watched: WatchedFolder | WatchedRepository) -> Iterator[str]:
    """Yield the foreign checkpoints of a watched place by their names.

    Raises:
        InputError: when there is no such folder.
    """
    if isinstance(watched, WatchedRepository):
        yield watched.hub
        return
    yield from map(str, foreign_below(Path(watched.folder)))
