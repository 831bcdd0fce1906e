"""Finds a checkpoint or a file of predictions by what a user calls it: path, key, alias or name."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from gner_core.artifact_files import PREDICTIONS
from gner_core.config.checkpoint import DESCRIPTION
from gner_core.config.reading.models import HUB_NAME, unknown_checkpoint
from gner_core.errors import InputError
from gner_core.hub import commit_of, file_of, snapshot
from gner_core.store.artifacts import ArtifactRef, Store
from gner_core.store.fingerprint import file_sha256
from tasks.checkpoints.registry import (
    MODEL,
    STEP,
    WEIGHTS,
    WHERE,
    RegistryAwayError,
    answering,
)
from tasks.paths import home_folder, is_offline, open_store
from tasks.tracking.listing import checkpoint_of_run
from tasks.tracking.records import Records, known_records

GENERATE = "generate"
STEPS = ("train", "backbone")
"""Steps whose artifacts are checkpoints."""
KEY = re.compile("[0-9a-f]+")
NAMED = 5
"""Artifacts that a message names, at most."""


def checkpoint_named(name: str, store: Store) -> Path | ArtifactRef:
    """Return the folder or the artifact that a name means; nothing is fetched.

    Tried in this order: a folder; an artifact, as `train/KEY` or by its key, of which the beginning
    suffices; an alias of the registered model, such as `champion`; the name of a run, for the last
    checkpoint of the latest run of that name, or `RUN/STAGE`; the name of a training stage that only
    one checkpoint of the store has; a repository of the hub that holds a checkpoint of gner.

    Raises:
        InputError: when there is no such checkpoint, or more than one.
    """
    if Path(name).is_dir():
        if not (Path(name) / DESCRIPTION).is_file():
            raise InputError(
                f"{name}: not a checkpoint of gner, it holds no {DESCRIPTION}; give the folder or "
                "the key of a published step train"
            )
        return Path(name)
    step, _, key = name.rpartition("/")
    if found := artifact_named(key, [step] if step in STEPS else [] if step else STEPS, store):
        return found
    known = known_records(home_folder())
    if known and (tracked := _tracked(name, known, store)):
        return tracked
    if not step and (of_stage := _of_stage(name, store)):
        return of_stage
    unknown = (
        f"{name}: neither a folder nor a checkpoint in the store {store.url}, nor the name of a run "
        "or an alias; `gner models` lists the checkpoints"
    )
    hub = HUB_NAME.fullmatch(name)
    if not hub or step in {*STEPS, *store.steps()} or is_offline():
        raise InputError(unknown)
    try:
        return own_on_hub(hub["repo"], commit_of(hub["repo"], hub["revision"]))
    except InputError as fault:
        raise InputError(f"{unknown}. The hub was asked, too: {fault}") from None


def own_on_hub(repo: str, revision: str) -> Path:
    """Return the folder of a checkpoint of gner on the Hugging Face hub, fetched if need be.

    Raises:
        InputError: when it cannot be fetched, or is no checkpoint of gner.
    """
    if file_of(repo, revision, DESCRIPTION) is None:
        raise unknown_checkpoint(f"{repo} at {revision}: holds no {DESCRIPTION}")
    return snapshot(repo, revision)


def artifact_named(key: str, steps: Sequence[str], store: Store) -> ArtifactRef | None:
    """Return the published artifact of one of some steps whose key is, or begins with, `key`.

    Raises:
        InputError: when several keys begin so.
    """
    if not KEY.fullmatch(key):
        return None
    whole = [ArtifactRef(step, key) for step in steps]
    if exact := next(filter(store.has, whole), None):
        return exact
    begun = [
        ArtifactRef(step, one)
        for step in steps
        for one in store.objects.entries(step)
        if one.startswith(key)
    ]
    return _only(key, [ref for ref in begun if store.has(ref)], "begin so")


def find_predictions(name: Path) -> Path:
    """Return a file of predictions, named by its path, by its artifact's folder or as `generate/KEY`.

    Raises:
        InputError: for no such artifact, or a folder without predictions; a file is not looked for.
    """
    if name.is_dir():
        if not (name / PREDICTIONS).is_file():
            raise InputError(f"{name}: a folder without {PREDICTIONS}; name a file or generate/KEY")
        return name / PREDICTIONS
    if name.exists() or name.parent != Path(GENERATE):
        return name
    store = open_store()
    ref = artifact_named(name.name, [GENERATE], store)
    if ref is None:
        raise InputError(
            f"{name}: neither a file nor an artifact in the store {store.url}; "
            "gner run PARAMS --dry-run shows the keys of the steps generate"
        )
    return store.fetch(ref) / PREDICTIONS


def _tracked(name: str, known: Records, store: Store) -> Path | ArtifactRef | None:
    """Return the checkpoint of an alias or of a run in MLflow.

    Raises:
        InputError: when MLflow does not answer, or the checkpoint is not to be seen from here.
    """
    try:
        with answering():
            number = known.aliases(MODEL).get(name)
            held = [one for one in known.versions(MODEL) if one.number == number]
            version = held[0] if held else None
            step = version.tags.get(STEP) if version else checkpoint_of_run(name, known)
    except RegistryAwayError as fault:
        raise InputError(
            f"{name}: neither a folder nor a key in the store {store.url}; MLflow, which knows the "
            f"names of runs, does not answer ({fault})"
        ) from None
    ref = ArtifactRef.at(step) if step else None
    if ref and store.has(ref):
        return ref
    where = version.tags.get(WHERE) if version else None
    if version and where and (Path(where) / DESCRIPTION).is_file():
        _refuse_other_weights(name, Path(where), version.tags)
        return Path(where)
    if version or ref:
        raise InputError(
            f"{name}: its checkpoint {step or where} is neither in the store {store.url} nor in a "
            "folder of this machine"
        )
    return None


def _refuse_other_weights(name: str, folder: Path, tags: Mapping[str, str]) -> None:
    """Refuse a folder whose weights are not those that were registered; they are read whole."""
    for file, digest in json.loads(tags.get(WEIGHTS, "{}")).items():
        if not (folder / file).is_file() or file_sha256(folder / file) != digest:
            raise InputError(
                f"{name}: {folder} holds other weights now than were registered ({file}); name the "
                "folder to use these, or give it to gner reevaluate"
            )


def _of_stage(name: str, store: Store) -> ArtifactRef | None:
    trained = store.published(STEPS[0])
    named = [ref for ref in trained if store.manifest(ref)["title"] == name]
    return _only(name, named, "have this name")


def _only(name: str, found: Sequence[ArtifactRef], do: str) -> ArtifactRef | None:
    if len(found) > 1:
        several = ", ".join(ref.path for ref in found[:NAMED])
        more = ", …" if len(found) > NAMED else ""
        raise InputError(
            f"{name}: {len(found)} artifacts {do} ({several}{more}); give more of a key"
        )
    return found[0] if found else None
