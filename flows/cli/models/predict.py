"""The commands that use a trained checkpoint: `gner predict`, `gner test` and `gner log-model`."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.cli.messages import print_json
from flows.cli.score import (
    AsJson,
    ByType,
    ErrorsOption,
    LeaveOut,
    Metrics,
    Scoring,
    names_of,
    setup_of,
)
from gner_core.errors import InputError
from tasks.workers import started_ahead

STDIN = "-"
PREDICTING, GENERATING = "gner_core.predicting.worker", "gner_core.generation.worker"
"""Workers whose imports run beside those of the command."""

Checkpoint = Annotated[
    str,
    typer.Argument(
        help="Folder, key or its beginning, run, stage or alias: see gner models. A foreign one by "
        "its folder, its models file or its name on the hub, OWNER/NAME or OWNER/NAME@COMMIT."
    ),
]
About = Annotated[
    Path | None,
    typer.Option(
        help="Models file that says what a foreign checkpoint is; its source is not read."
    ),
]

TypeList = Annotated[
    str | None,
    typer.Option(
        "--types", help='What to look for: "person, location". In the order of the prompt.'
    ),
]
OneType = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE", help="One type, also with commas; repeatable."),
]
Beams = Annotated[
    int,
    typer.Option(min=1, max=16, help="Beam size of guided decoding; only for checkpoints of gner."),
]

Orders = Annotated[
    int,
    typer.Option(
        min=1, max=32, help="Orders of the types over which labels are averaged; only for gner."
    ),
]
OutsidePenalty = Annotated[
    float,
    typer.Option(
        metavar="NATS",
        help="Taken off O at every word: above 0 finds more entities; only for gner.",
    ),
]
CalibrateTypes = Annotated[
    Literal["content_free"] | None,
    typer.Option(help="Lower types that are preferred where a text says nothing; only for gner."),
]
Temperature = Annotated[
    float,
    typer.Option(help="Divides logits before they become confidences; above 1 lowers them."),
]

Thresholds = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        metavar="[TYPE=]NUMBER",
        help="Least confidence of an entity that is kept, 0 to 1, of all types or of one; repeatable.",
    ),
]


@started_ahead([PREDICTING])
def predict(
    checkpoint: Checkpoint,
    file: Annotated[str, typer.Argument(help="Texts, one a line; - reads standard input.")] = STDIN,
    types: TypeList = None,
    one_type: OneType = None,
    threshold: Thresholds = None,
    form: Annotated[
        Literal["table", "json", "html"],
        typer.Option("--format", help="table: coloured text; json: a line a text; html: a page."),
    ] = "table",
    whole: Annotated[
        bool, typer.Option("--whole", help="The file is one text, not one a line.")
    ] = False,
    beams: Beams = 1,
    orders: Orders = 1,
    outside_penalty: OutsidePenalty = 0.0,
    calibrate_types: CalibrateTypes = None,
    temperature: Temperature = 1.0,
    batch: Annotated[int, typer.Option(min=1, help="Prompts decoded side by side.")] = 16,
    about: About = None,
) -> None:
    """Find entities in texts of any language and length.

    Without types, it looks for those that the checkpoint was trained on last.
    """
    from flows.views.models.predict import print_entities, progress
    from gner_core.predicting.entities import listed_types, own_types
    from gner_core.predicting.loading.system import rating_of
    from gner_core.predicting.requests import listed_thresholds
    from tasks.checkpoints.foreign import usable
    from tasks.standalone.predict import predict as predict_there

    rating = rating_of(orders, outside_penalty, calibrate_types, temperature)
    wanted = listed_types(types, one_type or [])
    given = [] if file == STDIN else _texts(file, whole=whole)  # an import may take long
    found = usable(checkpoint, about)
    wanted = wanted or own_types(found.about)
    least = listed_thresholds(threshold or [], wanted)
    texts = given if file != STDIN else _texts(file, whole=whole)
    with progress() as show:
        entities = predict_there(
            *(found, texts, wanted),
            threshold=least,
            beams=beams,
            rating=rating,
            batch=batch,
            on_event=show,
        )
    title = "standard input" if file == STDIN else Path(file).name
    print_entities(texts, entities, types=wanted, form=form, title=title)


@started_ahead([GENERATING])
def score_checkpoint(
    checkpoint: Checkpoint,
    file: Annotated[Path, typer.Argument(help="Tagged sentences: CoNLL, JSON lines and the like.")],
    types: TypeList = None,
    one_type: OneType = None,
    threshold: Thresholds = None,
    beams: Beams = 1,
    orders: Orders = 1,
    outside_penalty: OutsidePenalty = 0.0,
    calibrate_types: CalibrateTypes = None,
    temperature: Temperature = 1.0,
    batch: Annotated[int, typer.Option(min=1, help="Prompts decoded side by side.")] = 16,
    metric: Metrics = None,
    leave_out: LeaveOut = None,
    scoring: Scoring = None,
    by_type: ByType = False,
    errors: ErrorsOption = False,
    as_json: AsJson = False,
    about: About = None,
) -> None:
    """Test a checkpoint on your own tagged sentences: predict them, and print the scores.

    Without types, it looks for those of the file.
    """
    from flows.views.models.predict import progress
    from flows.views.output import Output
    from flows.views.score import print_doubts, print_scores, score_values
    from gner_core.predicting.entities import listed_types
    from gner_core.predicting.loading.system import rating_of
    from gner_core.predicting.requests import listed_thresholds
    from tasks.checkpoints.foreign import usable
    from tasks.standalone.predict import scores_of, sentences_to_test

    rating = rating_of(orders, outside_penalty, calibrate_types, temperature)
    wanted = listed_types(types, one_type or [])
    found = usable(checkpoint, about)
    setup = setup_of(
        *("gner", None, "BIO", ""),
        metrics=names_of(metric),
        leave_out=leave_out,
        scoring=scoring,
        errors=errors,
    )
    own = sentences_to_test(file, wanted, without=leave_out or [])
    setup = replace(setup, without=frozenset(map(own.plain, setup.without)))
    least = listed_thresholds(threshold or [], own.sentences[0].types)
    with progress() as show:
        scores = scores_of(
            *(found, own.sentences, setup),
            threshold=least,
            beams=beams,
            rating=rating,
            batch=batch,
            on_event=show,
        )
    scores.notes.append(own.notes)
    if as_json:
        print_json(score_values(scores, setup))
        print_doubts(scores, setup, Output(stderr=True))
    else:
        print_scores(scores, setup, by_type=by_type)


def log_model(
    checkpoint: Checkpoint,
    name: Annotated[str, typer.Option(help="Name of the model in MLflow.")] = "gner",
    beams: Beams = 1,
    about: About = None,
) -> None:
    """Log a checkpoint as an MLflow model that `mlflow models serve` answers requests with."""
    from tasks.checkpoints.foreign import usable
    from tasks.paths import made_home
    from tasks.tracking.pyfunc import log_pyfunc

    home, found = made_home(), usable(checkpoint, about)
    uri, tracking = log_pyfunc(found.folder, found.about, name=name, beams=beams, home=home)
    typer.echo(f"model     {uri}")
    typer.echo(f"tracking  {tracking}")
    typer.echo(
        f"serve     MLFLOW_TRACKING_URI={tracking} mlflow models serve -m {uri} "
        "--env-manager local --host 127.0.0.1 --port 5001"
    )


def _texts(file: str, *, whole: bool) -> list[str]:
    """Return the texts of a file or of standard input.

    Raises:
        InputError: when it cannot be read, or is neither UTF-8 nor UTF-16 with a mark.
    """
    from gner_core.corpora.readers.raw import NO_TEXT, UTF16, refuse_nul

    try:
        data = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    kind = next((what for start, what in NO_TEXT.items() if data.startswith(start)), None)
    if kind:
        raise InputError(
            f"{file}: no text, but {kind.partition(':')[0]}; gner annotate reads Parquet and "
            "compressed files, this command plain text"
        )
    encoding = "utf-16" if data.startswith(UTF16) else "utf-8-sig"
    if encoding != "utf-16":
        refuse_nul(data, file)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{file}, line {line}: not {error.encoding.upper()}; convert the file"
        ) from None
    if whole:
        return [text]
    lines = text.split("\n")  # not splitlines: a text may hold other signs that end lines
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]
