"""MLflow's model registry: checkpoints, decisions about them, the champion. No weights are copied.

Every call may be made twice. Versions are found again by the tag `checkpoint`; where two processes
registered one checkpoint at the same moment, the version with the lower number counts.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from gner_core.errors import first_line
from tasks.tracking.records import PAGE, Client, Records, Version, version_of
from tasks.tracking.server import TrackingStore, is_away, is_of_mlflow
from tasks.tracking.tracker import KEY, Tracker

if TYPE_CHECKING:
    from tasks.checkpoints.identity import Checkpoint

MODEL = "gner"
"""The registered model under which every published training is registered."""
TRAIN = "train"
"""The step that trains a checkpoint."""
CHECKPOINT, WHERE, WEIGHTS = "checkpoint", "path", "sha256"
STEP, STAGE, CREATED, VERDICT = "step", "stage", "created", "verdict"
ABOUT = "about"
"""The tag that says what a foreign checkpoint is, as its gner.json would."""
DECISION = "decision."
"""Before the key of a suite of tests: the tag that holds what was decided on it, as JSON."""


class RegistryAwayError(Exception):
    """MLflow does not answer; the same call may succeed later."""


def decision_in(version: Version, suite: str) -> dict[str, Any] | None:
    """Return what was decided about a version on a suite of tests, None if nothing was."""
    text = version.tags.get(f"{DECISION}{suite}")
    return json.loads(text) if text else None


@dataclass(frozen=True)
class Registry:
    """One registered model."""

    mlflow: TrackingStore
    model: str

    def versions(self) -> dict[str, Version]:
        """Return the versions by the key of their checkpoint."""
        return by_checkpoint(self._records.versions(self.model))

    def version(self, key: str) -> Version | None:
        """Return the version of a checkpoint, None where it is not registered."""
        query = f"name = '{self.model}' and tags.`{CHECKPOINT}` = '{key}'"
        found = self.mlflow.client.search_model_versions(query, PAGE)
        return next(iter(by_checkpoint(map(version_of, found)).values()), None)

    def register(self, checkpoint: "Checkpoint") -> Version:
        """Return the version of a checkpoint, which is made if there is none."""
        import mlflow
        from mlflow.exceptions import MlflowException

        if known := self.version(checkpoint.key):
            return known
        mlflow.set_tracking_uri(self.mlflow.uri)  # which `create_external_model` uses
        tags, run_id = _tags(checkpoint), self._training(checkpoint)
        model = self._external(checkpoint, tags, run_id)
        self._make_loadable(model, checkpoint)
        try:
            self.mlflow.client.create_registered_model(self.model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        self.mlflow.client.create_model_version(
            self.model,
            f"models:/{model}",
            run_id,
            tags=tags,
            description=f"{checkpoint.name}, {tags.get(STEP) or checkpoint.where}",
            model_id=model,
        )
        made = self.version(checkpoint.key)
        assert made is not None
        return made

    def champion(self, alias: str) -> Version | None:
        """Return the version that holds an alias, None where none does.

        Raises:
            MlflowException: for every fault except that there is no registered model yet.
        """
        # MLflow's call for one alias answers alike where there is none and where it is faulty
        number = self._records.aliases(self.model).get(alias)
        if number is None:
            return None
        found = self.mlflow.client.get_model_version(self.model, str(number))
        return version_of(found)

    def promote(self, version: Version, alias: str) -> None:
        """Move an alias to a version."""
        self.mlflow.client.set_registered_model_alias(self.model, alias, str(version.number))

    def decide(self, version: Version, suite: str, decision: Mapping[str, Any]) -> None:
        """Write a decision about a version: one tag, so that it is there whole or not at all."""
        number, text = str(version.number), json.dumps(decision)
        self.mlflow.client.set_model_version_tag(self.model, number, f"{DECISION}{suite}", text)
        self.mlflow.client.set_model_version_tag(self.model, number, VERDICT, decision["verdict"])

    def mark(self, version: Version, tags: Mapping[str, str]) -> None:
        """Set tags on the run of a version's training, where it is known."""
        for name, value in tags.items() if version.run_id else ():
            self.mlflow.client.set_tag(str(version.run_id), name, value)

    @property
    def _records(self) -> Records:
        """What MLflow's client knows: whoever writes reads in the same way."""
        return Client(self.mlflow)

    def _training(self, checkpoint: "Checkpoint") -> str | None:
        """Return the run of a checkpoint's training, None where it is not known."""
        if checkpoint.trained_by is None:
            return None
        query = f"tags.`{KEY}` = '{checkpoint.trained_by.key}'"
        runs = self.mlflow.client.search_runs([self.mlflow.experiment], query, max_results=1)
        return str(runs[0].info.run_id) if runs else None

    def _external(
        self, checkpoint: "Checkpoint", tags: Mapping[str, str], run_id: str | None
    ) -> str:
        """Return the id of the checkpoint's external model: of an earlier attempt, or a new one."""
        import mlflow

        left = self.mlflow.client.search_logged_models(
            [self.mlflow.experiment], f"tags.`{CHECKPOINT}` = '{checkpoint.key}'", max_results=1
        )
        if left:
            return str(left[0].model_id)
        made = mlflow.create_external_model(
            name=checkpoint.name,
            source_run_id=run_id,
            tags=dict(tags),
            model_type="checkpoint",
            experiment_id=self.mlflow.experiment,
        )
        return str(made.model_id)

    def _make_loadable(self, model: str, checkpoint: "Checkpoint") -> None:
        """Let `mlflow.pyfunc.load_model` load a model, from where its weights are."""
        from tasks.tracking.pyfunc import save_reference

        with TemporaryDirectory(prefix="gner-model-") as scratch:
            folder = Path(scratch) / "model"
            save_reference(folder, where=checkpoint.where, about=checkpoint.about)
            self.mlflow.client.log_model_artifacts(model, str(folder))


def by_checkpoint(versions: Iterable[Version]) -> dict[str, Version]:
    """Return versions by the key of their checkpoint; of several, the lowest number counts."""
    found: dict[str, Version] = {}
    for one in versions:
        key = one.tags.get(CHECKPOINT)
        if key and (key not in found or one.number < found[key].number):
            found[key] = one
    return found


def referred(records: Records) -> set[str]:
    """Return what the versions of all models refer to: `train/KEY`, `compare/KEY`, `checkpoint/KEY`."""
    found = set()
    for version in records.versions(None):
        tags = version.tags
        decided = [json.loads(text) for name, text in tags.items() if name.startswith(DECISION)]
        found |= {one["compare"] for one in decided if one.get("compare")}
        if STEP in tags:
            found.add(tags[STEP])
        if CHECKPOINT in tags:
            found.add(f"{CHECKPOINT}/{tags[CHECKPOINT]}")
    return found


def register_later(tracker: Tracker, checkpoint: "Checkpoint") -> None:
    """Have a published checkpoint registered after all earlier calls, above all those of its run."""
    registry = Registry(tracker.mlflow, MODEL)
    tracker.outbox.put(f"registration of {checkpoint.name}", lambda: registry.register(checkpoint))


@contextmanager
def answering() -> Iterator[None]:
    """Turn a registry that does not answer into a `RegistryAwayError`."""
    try:
        yield
    except Exception as error:
        if not (is_of_mlflow(error) and is_away(error)):
            raise
        raise RegistryAwayError(f"{type(error).__name__}: {first_line(error)}") from error


def _tags(checkpoint: "Checkpoint") -> dict[str, str]:
    trained_by = checkpoint.trained_by
    return {
        CHECKPOINT: checkpoint.key,
        WHERE: checkpoint.where,
        WEIGHTS: json.dumps(checkpoint.weights),
        CREATED: checkpoint.created,
        **({STEP: trained_by.path} if trained_by else {}),
        **({STAGE: checkpoint.stage} if checkpoint.stage else {}),
        **({ABOUT: checkpoint.about.model_dump_json()} if checkpoint.about else {}),
    }
