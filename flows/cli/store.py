"""The commands that list runs and checkpoints, pin released ones, and free what nobody refers to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.messages import print_json
from gner_core.errors import InputError

if TYPE_CHECKING:
    from tasks.tracking.records import Records

AsJson = Annotated[bool, typer.Option("--json", help="Print a list of objects instead of text.")]


def runs(as_json: AsJson = False) -> None:
    """List the runs, the latest first: name, what differs from the file, scores, report, age."""
    from flows.views.output import print_parts
    from flows.views.store import run_lines
    from tasks.tracking.listing import tracked_runs

    with _tracking() as records:
        found = tracked_runs(records) if records else []
    if as_json:
        print_json([asdict(run) for run in found])
        return
    print_parts(run_lines(found))


def models(as_json: AsJson = False) -> None:
    """List the trained checkpoints, the latest first: name, runs, scores, key, size, age."""
    from flows.views.output import print_parts
    from flows.views.store import model_lines
    from tasks.checkpoints.listing import list_models
    from tasks.paths import open_store

    with _tracking() as records:
        found = list_models(open_store(), records)
    if as_json:
        print_json([asdict(model) for model in found])
        return
    print_parts(model_lines(found))


def clean(
    free: Annotated[bool, typer.Option("--free", help="Delete what is listed.")] = False,
    shared: Annotated[
        bool,
        typer.Option(
            "--shared",
            help="Also in a store that others may share: what their runs need is not known here.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List results of steps that nobody refers to, and unfinished ones; with --free delete them.

    Reports, registered checkpoints, what runs on this machine need, what is locked, and all inputs of
    these are kept.
    """
    from flows.views.output import print_parts
    from flows.views.store import unused_lines
    from tasks.paths import made_home, open_store
    from tasks.standalone.clean import clean as clean_store
    from tasks.tracking.records import known_records

    home, store = made_home(), open_store()
    if free and not shared and not store.objects.is_below(home):
        raise InputError(
            f"{store.url}: others may share this store, which is not below {home}; --shared frees "
            "it, too"
        )
    found = clean_store(store, known_records(home), free=free)
    if as_json:
        print_json([{**asdict(one), "ref": one.ref.path} for one in found])
        return
    print_parts(unused_lines(found, freed=free))


def pin(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Models files.")],
) -> None:
    """Write the newest commit of its repository into each models file that names none.

    Experiments run no model whose commit is not named. Look at the model on the hub before you pin it.
    """
    from tasks.standalone.pin import pin_file

    for file in files:
        pinned = pin_file(file)
        if pinned is None:
            typer.echo(f"{file}  names its commit")
        else:
            typer.echo(f"{file}  {pinned.repo}  {pinned.before} → {pinned.commit}")


@contextmanager
def _tracking() -> Iterator["Records | None"]:
    """Give what was tracked, None where nothing ever was.

    Raises:
        InputError: when MLflow does not answer.
    """
    from tasks.checkpoints.registry import RegistryAwayError, answering
    from tasks.paths import home_folder
    from tasks.tracking.records import known_records

    try:
        with answering():
            yield known_records(home_folder())
    except RegistryAwayError as fault:
        raise InputError(f"MLflow does not answer ({fault})") from None
