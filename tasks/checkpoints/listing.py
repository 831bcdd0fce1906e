"""Every trained checkpoint that the store or the registry knows."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from gner_core.store.artifacts import ArtifactRef, Store
from tasks.checkpoints.registry import (
    CREATED,
    MODEL,
    STAGE,
    STEP,
    TRAIN,
    WHERE,
    by_checkpoint,
)
from tasks.tracking.listing import scores_of_checkpoints, tracked_runs
from tasks.tracking.records import Records, Version


@dataclass(frozen=True)
class Model:
    """A trained checkpoint."""

    name: str
    """The training stage that made it, where that is known."""
    step: str
    """Such as `train/KEY`; empty where the store does not have it."""
    where: str
    """Its folder, or its URL in a remote store."""
    bytes: int | None
    """None where the store does not have it."""
    created: str
    """ISO time, UTC."""
    runs: tuple[str, ...] = ()
    """Names of the runs that made or used it, with what differs from their files; the latest first."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Test → mean F1, 0 to 1."""
    version: int | None = None
    """Of the registered model."""
    aliases: tuple[str, ...] = ()
    """Those of the version, such as `champion`."""


def list_models(store: Store, records: Records | None) -> list[Model]:
    """Return the trainings of the store and the registered checkpoints, the latest first."""
    found = [_stored(ref, store) for ref in store.published(TRAIN)]
    if records:
        known = by_checkpoint(records.versions(MODEL)).values()
        stored = {one.step for one in found}
        found += [_registered(one) for one in known if one.tags.get(STEP) not in stored]
        numbers = {one.tags[STEP]: one.number for one in known if STEP in one.tags}
        found = list(_with_tracked(found, numbers, records))
    return sorted(found, key=lambda one: one.created, reverse=True)


def _with_tracked(
    found: Iterable[Model],
    numbers: Mapping[str, int],
    records: Records,
) -> Iterator[Model]:
    """Yield models with what MLflow knows of them."""
    scores, aliases = scores_of_checkpoints(records), records.aliases(MODEL)
    names: dict[str, dict[str, None]] = {}
    for run in tracked_runs(records):
        for step in run.checkpoints.values():
            names.setdefault(step, {})[run.name] = None
    for one in found:
        number = one.version or numbers.get(one.step)
        yield replace(
            one,
            runs=tuple(names.get(one.step, ())),
            scores=scores.get(one.step, {}),
            version=number,
            aliases=tuple(alias for alias, held in aliases.items() if held == number),
        )


def _stored(ref: ArtifactRef, store: Store) -> Model:
    manifest = store.manifest(ref)
    size = sum(entry["size"] for entry in manifest["files"].values())
    where = store.objects.url(ref.path)
    return Model(str(manifest["title"]), ref.path, where, size, manifest["created"])


def _registered(version: Version) -> Model:
    """Return a checkpoint that the store does not have."""
    where = version.tags[WHERE]
    name = version.tags.get(STAGE) or where.rpartition("/")[2]
    return Model(name, "", where, None, version.tags[CREATED], version=version.number)
