"""The tasks that need a model: import a backbone, train a stage, generate, all by child processes."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from gner_core.artifact_files import FIT, JOURNAL, SENTENCES, SUMMARY
from gner_core.config.systems.any import DecodeParams
from gner_core.corpora.samples.held_out import held_out
from gner_core.records import read_sentences, write_sentences
from gner_core.runtime.files import read_json
from gner_core.runtime.worker import PROGRESS
from gner_core.store.artifacts import ArtifactRef
from tasks.checkpoints.card import add_card
from tasks.checkpoints.foreign import package_of_source, package_of_system
from tasks.checkpoints.identity import published
from tasks.checkpoints.registry import register_later
from tasks.context import RunContext
from tasks.events import announce
from tasks.provenance import costs, facts, tags
from tasks.steps.models import Ask, Backbone, Fit, Generate, Train
from tasks.steps.step import values
from tasks.tracking.mlflow_run import DESCRIPTION, StepRun
from tasks.tracking.tracker import CHECKPOINT
from tasks.workers import Event


@task(
    name="import-backbone", cache_policy=NO_CACHE, task_run_name="backbone {step.title}{run.suffix}"
)
def import_backbone(step: Backbone, run: RunContext) -> ArtifactRef:
    """Publish the backbone as safetensors weights with its tokenizer."""

    def build(folder: Path) -> None:
        request = {
            "backbone": values(step.params),
            "sentences": [str(run.path(sample) / SENTENCES) for sample in step.sentences],
            "package": package_of_source(step),
        }
        run.child(step, "gner_core.backbones.worker", request, folder=folder)

    run.ensure(step, build)
    return step.ref


@task(name="train", cache_policy=NO_CACHE, task_run_name="train {step.title}{run.suffix}")
def train(step: Train, run: RunContext) -> ArtifactRef:
    """Publish the checkpoint of a training stage; its metrics go to MLflow while it runs."""

    def build(folder: Path) -> None:
        request = {
            "backbone": values(step.backbone),
            "system": values(step.system),
            "train": values(step.stage.train),
            "choose": values(step.stage.choose),
            "model": str(run.path(step.model)),
            "sentences": str(run.path(step.data) / SENTENCES),
            "validation": str(run.path(step.validation) / SENTENCES) if step.validation else None,
            "execution": values(run.execution),
            "package": package_of_system(step.system),
        }
        with _tracked(step, run) as mlrun:

            def live(event: Event) -> None:
                mlrun.point(event["metrics"], step=event["done"], at=event["time"])

            for event in _events(run.store.unfinished(step.ref)):  # of earlier attempts
                live(event)
            run.child(step, "gner_core.training.worker", request, folder=folder, on_event=live)
            add_card(folder, step, run.store)
            _finish(mlrun, step, folder, {**facts(), **run.workspace.work[step.ref]})

    if run.ensure(step, build):
        announce(step)
    else:
        with _tracked(step, run, reuse_as=step.title) as mlrun:
            _finish(mlrun, step, run.path(step), run.store.manifest(step.ref))
    register_later(run.tracker, published(step.ref, run.store))
    return step.ref


@task(name="fit", cache_policy=NO_CACHE, task_run_name="fit {step.title}{run.suffix}")
def fit(step: Fit, run: RunContext) -> ArtifactRef:
    """Publish values of decoding, fitted to sentences that a stage was not trained on."""
    execution = run.execution

    def build(folder: Path) -> None:
        sentences = read_sentences(run.path(step.data) / SENTENCES)
        if step.model.validation is None:
            sentences = held_out(sentences, step.model.stage)
        file = run.store.unfinished(step.ref) / SENTENCES
        write_sentences(file, sentences)
        request = {
            "backbone": values(step.model.backbone),
            "system": values(step.model.system),
            "decode": values(step.decode),
            "scoring": values(step.scoring),
            "model": str(run.path(step.model)),
            "sentences": str(file),
            "batch": execution.generate_batch,
            "batch_tokens": execution.generate_tokens,
            "processes": 1,
            "exact": execution.exact,
        }
        run.child(step, "gner_core.generation.fit", request, folder=folder)

    run.ensure(step, build)
    return step.ref


def decoding_of(step: Generate, run: RunContext) -> DecodeParams:
    """Return how a step decodes, with the values that were fitted."""
    return step.decode.fitted(run.json(step.fit, FIT)["values"]) if step.fit else step.decode


@task(name="generate", cache_policy=NO_CACHE, task_run_name="generate {step.title}{run.suffix}")
def generate(step: Generate, run: RunContext) -> ArtifactRef:
    """Publish what a checkpoint writes for the sentences of an evaluation."""
    execution = run.execution

    def build(folder: Path) -> None:
        request = {
            "backbone": values(step.backbone),
            "system": values(step.system),
            "decode": values(decoding_of(step, run)),
            "model": str(run.path(step.model)),
            "sentences": str(run.path(step.data) / SENTENCES),
            "batch": execution.generate_batch,
            "batch_tokens": execution.generate_tokens,
            "processes": execution.generate_processes,
            "exact": execution.exact,
            "package": package_of_system(step.system),
        }
        run.child(step, "gner_core.generation.worker", request, folder=folder)

    run.ensure(step, build)
    return step.ref


@task(name="ask", cache_policy=NO_CACHE, task_run_name="ask {step.title}{run.suffix}")
def ask(step: Ask, run: RunContext) -> ArtifactRef:
    """Publish what an endpoint answers about the sentences of an evaluation."""

    def build(folder: Path) -> None:
        request = {
            "system": values(step.system),
            "execution": values(run.execution.chat),
            "sentences": str(run.path(step.data) / SENTENCES),
        }
        run.child(step, "gner_core.systems.chat.worker", request, folder=folder)

    run.ensure(step, build)
    return step.ref


@contextmanager
def _tracked(step: Train, run: RunContext, *, reuse_as: str | None = None) -> Iterator[StepRun]:
    choose = values(step.stage.choose, without={"data"})
    params = {**values(step.stage.train), "choose": choose}
    with run.tracker.step_run(
        step.title, key=step.ref.key, kind="training", params=params, reuse_as=reuse_as
    ) as mlrun:
        source = str(run.path(step.data) / SENTENCES)
        mlrun.dataset(
            name=step.data.title, digest=step.data.ref.key, source=source, context="training"
        )
        yield mlrun


def _events(folder: Path) -> Iterator[Event]:
    """Yield what all attempts of a step have reported, oldest first."""
    journal = folder / PROGRESS
    for line in journal.read_text().splitlines() if journal.exists() else []:
        with suppress(json.JSONDecodeError):  # half a line, written on a full disk
            yield json.loads(line)


def _finish(mlrun: StepRun, step: Train, folder: Path, manifest: Mapping[str, Any]) -> None:
    """Log all figures, the chosen update and the costs.

    Events have the live figures with their time; the journal has every update, also where an event
    is missing. A point that both have is logged once.
    """
    for event in _events(folder):
        mlrun.point(event["metrics"], step=event["done"], at=event["time"])
    for line in (folder / JOURNAL).read_text().splitlines():
        point = json.loads(line)
        mlrun.point(point, step=point.pop("step"), at=time.time())
    chosen = read_json(folder / SUMMARY)["chosen"]
    mlrun.values(costs(manifest))
    mlrun.tags(
        {
            **tags(manifest),
            CHECKPOINT: step.ref.path,
            DESCRIPTION: f"Training of `{step.ref.path}`. "
            f"Use it: `gner predict {step.ref.path} FILE`",
            "gner.chosen": f"update {chosen['update']}",
        }
    )
