"""Checkpoints whose answers are known beforehand, on a machine of their own: no model is loaded."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from mlflow import MlflowClient
from rich.console import Console

from flows.reevaluate import reevaluate_here
from gner_core.config.backbone import BackboneParams
from gner_core.config.checkpoint import VERSION, Description, describe
from gner_core.config.reading.files import read_params
from gner_core.config.reevaluation import Reevaluation
from gner_core.config.systems.gner import TargetForm
from gner_core.records import Prediction, read_sentences, write_predictions
from gner_core.store.artifacts import ArtifactRef
from gner_core.systems.gner.targets import BIO
from tasks.context import RunContext
from tasks.paths import open_store
from tasks.workers import Workers


@dataclass
class Place:
    """A machine on which a checkpoint's weights say how much of its answers is right."""

    home: Path
    root: Path
    generated: list[str] = field(default_factory=list)
    """Titles of the generations that ran."""

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(f"sqlite:///{self.home}/mlflow.db")

    def checkpoint(
        self, name: str, *, right: float, seed: int = 1, target: TargetForm = BIO
    ) -> str:
        folder = self.home / "models" / name
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_text(f"{right} {seed}")
        backbone = read_params(BackboneParams, self.root / "params" / "models" / "tiny-t5.yaml")
        described = Description(version=VERSION, backbone=backbone, target=target, types=("x",))
        describe(folder, described)
        return str(folder)

    def training(self, key: str, *, right: float, stage: str = "finetuning") -> ArtifactRef:
        """Publish a checkpoint in the store, as a step train would."""
        ref = ArtifactRef("train", key)
        with open_store().publish(ref, about={"title": stage}) as folder:
            made = Path(self.checkpoint(key, right=right, seed=3))
            for file in made.iterdir():
                shutil.move(file, folder)
            made.rmdir()
        return ref

    def reevaluate(
        self, *names: str, scan: bool = False, overrides: list[str] | None = None
    ) -> Any:
        looked = [f"scan.folders=[{self.home}/models]", *(overrides or [])]
        params = read_params(
            Reevaluation, self.root / "params" / "reevaluate.yaml", overrides=looked
        )
        given = None if scan else list(names)
        return reevaluate_here(params, names=given, console=Console(quiet=True))

    def verdicts(self, *names: str, **options: Any) -> list[str]:
        rows = self.reevaluate(*names, **options)
        return [row.decision.verdict if row.decision else "none" for row in rows]

    @property
    def champion(self) -> str:
        """Name of the folder of the champion."""
        version = self.client.get_model_version_by_alias("gner", "champion")
        return Path(version.tags["path"]).name

    def versions(self) -> list[Any]:
        return list(self.client.search_model_versions("name = 'gner'"))

    def runs(self, kind: str) -> list[Any]:
        experiment = self.client.get_experiment_by_name("gner")
        assert experiment is not None
        query = f"tags.`gner.kind` = '{kind}'"
        return list(self.client.search_runs([experiment.experiment_id], query))

    def comparisons(self) -> list[dict[str, Any]]:
        files = self.home.glob("store/compare/*/comparison.json")
        return [json.loads(file.read_text()) for file in files]


@pytest.fixture
def place(tmp_path: Path, root: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(tmp_path, root)
    shutil.copy(database, tmp_path)
    monkeypatch.setenv("GNER_HOME", str(tmp_path))
    for name in ("MLFLOW_TRACKING_URI", "GNER_STORE"):
        monkeypatch.delenv(name, raising=False)

    def child(
        run: RunContext, step: Any, module: str, request: Any, *, folder: Path, **_: Any
    ) -> None:
        place.generated.append(step.title)
        right, seed = (Path(request["model"]) / "model.safetensors").read_text().split()
        draw = Random(int(seed))
        answers = []
        for s in read_sentences(Path(request["sentences"])):
            tags = s.tags if draw.random() < float(right) else ("O",) * len(s.words)
            one = (s.id, s.corpus, s.words, s.tags, s.types, "", True, None, tags)
            answers.append(Prediction(*one, (1.0,) * len(s.words)))
        write_predictions(folder / "predictions.parquet", answers)
        (folder / "back_tokenization.json").write_text("{}")

    monkeypatch.setattr(RunContext, "child", child)
    monkeypatch.setattr(Workers, "start_server", lambda self: None)
    monkeypatch.setattr(
        "flows.cli.reevaluate.log_to", lambda console: None
    )  # it would stay for other tests
    return place
