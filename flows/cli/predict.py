"""The commands that use a trained checkpoint: `gner predict` and `gner log-model`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from gner_core.errors import InputError

STDIN = "-"

Checkpoint = Annotated[
    str, typer.Argument(help="Folder, key or its beginning, run, stage or alias: see gner models.")
]


def predict(
    checkpoint: Checkpoint,
    file: Annotated[str, typer.Argument(help="Texts, one a line; - reads standard input.")] = STDIN,
    types: Annotated[
        str, typer.Option(help='What to look for: "person, location". In the order of the prompt.')
    ] = "",
    one_type: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="One type, also with commas; repeatable."),
    ] = None,
    form: Annotated[
        Literal["table", "json", "html"],
        typer.Option("--format", help="table: coloured text; json: a line a text; html: a page."),
    ] = "table",
    whole: Annotated[
        bool, typer.Option("--whole", help="The file is one text, not one a line.")
    ] = False,
    beams: Annotated[int, typer.Option(min=1, max=16, help="Beam size over decisions.")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="Windows decoded side by side.")] = 16,
) -> None:
    """Find entities in texts of any language and length."""
    from flows.views.predict import print_entities, progress
    from gner_core.predicting.entities import listed_types
    from tasks.checkpoints.find import find_checkpoint
    from tasks.standalone.predict import predict as predict_there

    wanted = listed_types(types, one_type or [])
    folder = find_checkpoint(checkpoint)
    texts = _texts(file, whole=whole)
    with progress() as show:
        found = predict_there(folder, texts, wanted, beams=beams, batch=batch, on_event=show)
    title = "standard input" if file == STDIN else Path(file).name
    print_entities(texts, found, types=wanted, form=form, title=title)


def log_model(
    checkpoint: Checkpoint,
    name: Annotated[str, typer.Option(help="Name of the model in MLflow.")] = "gner",
    beams: Annotated[int, typer.Option(min=1, max=16, help="Beam size over decisions.")] = 1,
) -> None:
    """Log a checkpoint as an MLflow model that `mlflow models serve` answers requests with."""
    from tasks.checkpoints.find import find_checkpoint
    from tasks.paths import home_folder
    from tasks.tracking.pyfunc import log_pyfunc

    folder = find_checkpoint(checkpoint)
    uri, tracking = log_pyfunc(folder, name=name, beams=beams, home=home_folder())
    typer.echo(f"model     {uri}")
    typer.echo(f"tracking  {tracking}")
    typer.echo(
        f"serve     MLFLOW_TRACKING_URI={tracking} mlflow models serve -m {uri} "
        "--env-manager local --host 127.0.0.1 --port 5001"
    )


def _texts(file: str, *, whole: bool) -> list[str]:
    """Return the texts of a file or of standard input.

    Raises:
        InputError: when it cannot be read, or is not UTF-8.
    """
    try:
        data = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{file}, line {line}: not UTF-8; convert the file") from None
    if whole:
        return [text]
    lines = text.split("\n")  # not splitlines: a text may hold other signs that end lines
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]
