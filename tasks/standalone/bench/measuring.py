"""What the benchmarks share: a run that nothing tracks, its data, and one measurement."""

import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from gner_core.config.execution import ExecutionParams
from tasks.context import RunContext, Workspace
from tasks.data import draw_sample, prepare_corpus
from tasks.paths import made_home, open_store
from tasks.progress import Progress
from tasks.steps.data import Sample
from tasks.tracking.tracker import Tracker
from tasks.workers import Workers


@contextmanager
def untracked_run(execution: ExecutionParams, *, console: Console) -> Iterator[RunContext]:
    """Give a run whose steps go into the store and of which nothing is sent to MLflow."""
    made_home()
    workers = Workers()
    workers.start_server()
    with Progress(console) as progress, workers:
        workspace = Workspace(open_store(), progress, workers)
        yield RunContext(workspace, execution, Tracker.untracked())


def publish_samples(samples: Collection[Sample], run: RunContext) -> None:
    """Have samples and their corpora in the store."""
    for corpus in {one for sample in samples for one in sample.corpora.values()}:
        prepare_corpus.fn(corpus, run)
    for sample in samples:
        draw_sample.fn(sample, run)


@contextmanager
def measured(
    module: str, request: Mapping[str, Any], run: RunContext, *, title: str
) -> Iterator[tuple[dict[str, Any], Path]]:
    """Run a worker; give its figures, and its folder, which exists as long as the block."""
    scratch = made_home() / "work"
    scratch.mkdir(parents=True, exist_ok=True)
    with (
        run.workspace.progress.bar(title) as show,
        tempfile.TemporaryDirectory(dir=scratch, prefix="bench-") as folder,
    ):
        folders = {"output": folder, "scratch": folder}
        result = run.workspace.workers.run(module, {**request, **folders}, on_event=show)
        yield result["figures"], Path(folder)
