"""The command `gner annotate`: the entities of a large corpus as Parquet files."""

from typing import Annotated

import typer

from flows.cli.messages import log_to, print_json
from flows.cli.models.predict import About, Beams, Checkpoint, OneType, TypeList
from flows.views.output import Output
from gner_core.annotating.params import Form
from tasks.workers import started_ahead

Data = Annotated[
    list[str],
    typer.Argument(
        help="Files, folders and quoted patterns, as paths or fsspec URLs: .jsonl, .parquet or "
        ".txt, also compressed (.gz, .bz2, .xz)."
    ),
]
Out = Annotated[str, typer.Option("--out", help="New folder or fsspec URL of the Parquet files.")]
PartSize = Annotated[
    int,
    typer.Option("--part", min=1, max=1_000_000, help="Texts of a part; the same on all machines."),
]
Processes = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes with a model each; by default one a GPU."),
]


@started_ahead(["gner_core.annotating.worker"])
def annotate(
    checkpoint: Checkpoint,
    data: Data,
    out: Out,
    types: TypeList = None,
    one_type: OneType = None,
    part: PartSize = 2000,
    beams: Beams = 1,
    batch: Annotated[int, typer.Option(min=1, help="Windows decoded side by side.")] = 16,
    workers: Processes = None,
    form: Annotated[
        Form | None, typer.Option("--form", help="Of all files; by default their names tell it.")
    ] = None,
    text: Annotated[str, typer.Option(help="Field of the text.")] = "text",
    id_field: Annotated[
        str | None,
        typer.Option(
            "--id", help="Field that is copied to the output; by default id, where there is one."
        ),
    ] = None,
    about: About = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest as JSON.")] = False,
) -> None:
    """Find the entities of a large corpus, on every machine that runs this with the same store.

    The corpus is read once before any work, so that a bad record is told at once, by file and line.
    The same command goes on where it was stopped. Under Prefect where PREFECT_API_URL or the active
    profile names a server, else in this process.
    """
    from flows import annotate as flows
    from flows.views.models.annotate import print_annotation
    from gner_core.annotating.params import Annotation
    from gner_core.predicting.entities import listed_types
    from tasks.services.prefect import chosen_server

    given = {
        "checkpoint": checkpoint,
        "data": data,
        "output": out,
        "types": [*listed_types(types, one_type or [])],
        "part": part,
        "beams": beams,
        "batch": batch,
        "workers": workers,
        "form": form,
        "text": text,
        "id": id_field,
        "about": str(about) if about else None,
    }
    if chosen_server():
        url = flows.corpus(**given)
        if as_json:
            print_json({"output": url})
        else:
            typer.echo(f"output  {url}")
        return
    console = Output(stderr=True)
    log_to(console)
    done = flows.annotate_here(Annotation.model_validate(given), console=console)
    if as_json:
        print_json(done.manifest)
    else:
        print_annotation(done.manifest, url=done.url, made=done.made_here, seconds=done.seconds)
