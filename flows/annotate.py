"""A large corpus: its parts are annotated on all machines that run this with the same store.

`corpus` is the Prefect flow of the deployment; `annotate_here` does the same without any server.

Every machine reads the corpus by itself and walks through its parts. It annotates what is neither in
the store nor being annotated by another machine; what others had then, it waits for in the end.
"""

from collections import Counter, deque
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from os import cpu_count, environ
from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.task_runners import ThreadPoolTaskRunner
from rich.console import Console

from flows.running.publish import failing_in_one_line
from flows.running.signals import ended_by_signals
from flows.running.submit import TASKS_AT_ONCE, Pending, Submit, Submitter, in_process, on_prefect
from flows.views.models.annotate import table_rows
from gner_core.annotating import unfinished
from gner_core.annotating.dataset import Dataset
from gner_core.annotating.entities import ENTITIES, Tally, rows_of
from gner_core.annotating.params import Annotation, Form
from gner_core.annotating.texts import Part
from gner_core.errors import InputError
from gner_core.runtime.gpus import VISIBLE, list_gpus
from gner_core.runtime.priority import take_priority
from gner_core.runtime.worker import COMPUTED_IN
from gner_core.store.artifacts import ArtifactRef, Store
from gner_core.store.fingerprint import fingerprint
from gner_core.store.usage import using
from tasks.annotating.parts import ANNOTATED, Annotating, Meter, annotate_part
from tasks.annotating.pool import Annotators
from tasks.checkpoints.foreign import package_of_system
from tasks.paths import made_home, open_store
from tasks.plans.annotation import parts_again, plan_annotation
from tasks.progress import Progress, logger
from tasks.steps.annotation import Annotate, AnnotationPlan
from tasks.steps.step import values
from tasks.workers import Workers

AHEAD = 2
"""Parts a worker process that are read before there is a process for them."""
NAMED = 20
"""Texts that were not read which the manifest names, at most."""


@dataclass(frozen=True)
class Annotated:
    """What an annotation leaves."""

    url: str
    """Of the folder with the Parquet files."""
    manifest: dict[str, Any]
    made_here: int
    """Texts that this run annotated."""
    seconds: float
    """What that took, with loading the checkpoint."""


@flow(
    name="annotate",
    flow_run_name="{output}",
    task_runner=ThreadPoolTaskRunner(max_workers=TASKS_AT_ONCE),
)
@failing_in_one_line
def corpus(
    checkpoint: str,
    data: list[str],
    output: str,
    *,
    types: list[str] | None = None,
    part: int = 2000,
    beams: int = 1,
    batch: int = 16,
    workers: int | None = None,
    form: Form | None = None,
    text: str = "text",
    id: str | None = None,  # noqa: A002 (the name in the form of Prefect's pages)
    about: str | None = None,
) -> str:
    """Annotate a corpus; run it once on every machine that is to help.

    Args:
        checkpoint: any name of a checkpoint, see `gner models`.
        data: files, folders and patterns, as paths or fsspec URLs that all machines can read.
        output: folder or fsspec URL of the Parquet files.
        types: what to look for; by default what the checkpoint was trained on last.
        part: texts of a part; the same on all machines.
        beams: beam size of guided decoding.
        batch: windows of text that are decoded side by side.
        workers: processes a machine with a model each; by default one a GPU.
        form: jsonl, parquet or text; by default the names of the files tell it.
        text: field of the text.
        id: field that is copied to the output; by default `id`, where a record has it.
        about: models file of a foreign checkpoint.

    Returns:
        Where the output is.
    """
    params = Annotation(
        checkpoint=checkpoint,
        about=about,
        data=tuple(data),
        output=output,
        types=tuple(types or ()),
        form=form,
        text=text,
        id=id,
        part=part,
        beams=beams,
        batch=batch,
        workers=workers,
    )
    done = _run(params, on_prefect, Console(quiet=True))
    rows = table_rows(done.manifest)
    create_table_artifact(rows, key="annotation", description=f"Entities in {done.url}")
    return done.url


def annotate_here(params: Annotation, *, console: Console) -> Annotated:
    """Annotate a corpus in this process, without a Prefect server."""
    return _run(params, in_process, console)


def _run(params: Annotation, submitter: Submitter, console: Console) -> Annotated:
    take_priority()
    made_home()
    store, dataset, number = open_store(), Dataset(params.output), _processes(params.workers)
    with (
        ended_by_signals(),
        Progress(console) as progress,
        Workers() as workers,
        ExitStack() as stack,
    ):
        workers.start_server()  # imports while the corpus is read
        with progress.bar("reading") as show:
            plan = plan_annotation(params, store, on_read=_reading(show))
        refs = [step.ref for step in plan.parts]
        with store.lock(_claim(dataset), on_wait=logger().info):
            if not (known := _begun(plan, store, dataset)):
                stack.enter_context(unfinished.working(store, dataset.url, plan.key, refs))
        if known:
            logger().info("%s: complete, nothing to do", dataset.url)
            return Annotated(dataset.url, known, 0, 0.0)
        request = worker_request(plan, store, threads=max(1, (cpu_count() or 1) // number))
        with (
            using(store, [*refs, *_model_ref(plan)]),
            progress.bar("annotating") as show,
            Annotators(workers, request, number=number) as annotators,
        ):
            run = Annotating(store, workers, annotators, Meter(show, total=plan.texts))
            with submitter(AHEAD * number) as submit:
                try:
                    _annotate(plan, run, submit, ahead=AHEAD * number)
                except BaseException:
                    workers.stop()  # the submitter waits for what runs
                    raise
        manifest = _write(plan, store, dataset)
    return Annotated(dataset.url, manifest, run.meter.made, run.meter.seconds)


def _reading(show: Any) -> Any:
    def tell(texts: int) -> None:
        show({"time": 0, "done": texts, "total": texts, "share": 0, "metrics": {}})

    return tell


def _processes(wanted: int | None) -> int:
    gpus = len(list_gpus(environ.get(VISIBLE)))
    if wanted and gpus and wanted > gpus:
        raise InputError(f"{wanted} workers and {gpus} GPUs: each worker takes a GPU of its own")
    return wanted or max(1, gpus)


def _model_ref(plan: AnnotationPlan) -> Iterable[ArtifactRef]:
    location = plan.parts[0].model.location
    return [location] if isinstance(location, ArtifactRef) else []


def worker_request(plan: AnnotationPlan, store: Store, *, threads: int) -> dict[str, Any]:
    """Return what the worker processes are asked for."""
    one = plan.parts[0]
    return {
        "threads": threads,
        "checkpoint": str(store.folder(one.model.stored_at).absolute()),
        "about": values(one.about),
        "types": list(one.types),
        "beams": one.beams,
        "batch": plan.params.batch,
        "package": package_of_system(one.system),
    }


def _annotate(plan: AnnotationPlan, run: Annotating, submit: Submit, *, ahead: int) -> None:
    """Have all parts in the store: first those that nobody else is annotating, then the others."""
    left = _walk(plan, run, submit, {*plan.parts}, ahead=ahead, wait=False)
    if left:
        logger().info("%d parts are being annotated by others", len(left))
        _walk(plan, run, submit, left, ahead=ahead, wait=True)


def _walk(
    plan: AnnotationPlan,
    run: Annotating,
    submit: Submit,
    wanted: set[Annotate],
    *,
    ahead: int,
    wait: bool,
) -> set[Annotate]:
    """Submit wanted parts, some ahead; return those that others had."""
    pending: deque[tuple[Annotate, Pending]] = deque()
    left: set[Annotate] = set()

    def take_first() -> None:
        step, done = pending.popleft()
        if not done.result():
            left.add(step)

    for step, part in parts_again(plan):
        if step not in wanted:
            continue
        if run.store.has(step.ref):
            run.meter.finished(step, len(part.records), here=False)
            continue
        if len(pending) == ahead:
            take_first()
        pending.append((step, submit_part(submit, step, part, run, wait=wait)))
    while pending:
        take_first()
    return left


def submit_part(
    submit: Submit, step: Annotate, part: Part, run: Annotating, *, wait: bool
) -> Pending:
    """Submit the task of a part."""
    return submit(annotate_part, step, part.texts, run, wait, after=[], in_worker=True)


def _write(plan: AnnotationPlan, store: Store, dataset: Dataset) -> dict[str, Any]:
    """Write the Parquet files, while others that would write the same wait; return the manifest."""
    with store.lock(_claim(dataset), on_wait=logger().info):
        if known := _begun(plan, store, dataset):
            return known
        tally = Tally(plan.parts[0].types)
        faults: Counter[str] = Counter()
        not_read: list[dict[str, Any]] = []
        files, formats = [], set()
        for step, part in parts_again(plan):
            rows = rows_of(part, store.fetch(step.ref) / ENTITIES)
            said = store.manifest(step.ref)[ANNOTATED]
            files.append({**dataset.write(part.number, rows), "step": step.ref.path})
            tally.add(rows)
            faults.update(said["faults"])
            formats.add(said[COMPUTED_IN])
            for number, why in said["not_read"][: NAMED - len(not_read)]:
                record = part.records[number]
                not_read.append({"file": record.file, "line": record.line, "why": why})
        manifest = {
            "key": plan.key,
            **_head(plan),
            COMPUTED_IN: sorted(formats),
            **tally.values(),
            "faults": dict(faults),
            "first_not_read": not_read,
            "parts": files,
        }
        dataset.finish(manifest)
        return {**manifest, "complete": True}


def _begun(plan: AnnotationPlan, store: Store, dataset: Dataset) -> dict[str, Any] | None:
    """Take the folder, or return the manifest of a complete annotation."""
    is_taken = unfinished.is_another_at_work(store, dataset.url, plan.key)
    return dataset.begin(plan.key, _head(plan), is_taken=is_taken)


def _claim(dataset: Dataset) -> ArtifactRef:
    """Return what is locked by the one process that looks at a folder or writes into it."""
    return ArtifactRef("annotation", fingerprint([dataset.url]))


def _head(plan: AnnotationPlan) -> dict[str, Any]:
    """Return by what the entities were found."""
    one, params = plan.parts[0], plan.params
    return {
        "checkpoint": params.checkpoint,
        "model": one.model.ref.path,
        "system": one.system.kind,
        "backbone": one.about.backbone.name,
        "looked_for": list(one.types),
        "beams": one.beams,
        "texts_a_part": params.part,
        "data": [source.url for source in plan.sources],
    }
