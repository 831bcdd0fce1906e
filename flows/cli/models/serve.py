"""`gner serve`: a page and an API that find entities with a checkpoint."""

from typing import Annotated

import typer

from flows.cli.models.predict import About, Beams, Checkpoint

Host = Annotated[
    str,
    typer.Option(
        help="Where it listens. Any but 127.0.0.1 and its like needs GNER_SERVE_TOKEN in the "
        "environment, the token that requests must carry."
    ),
]


def serve(
    checkpoint: Checkpoint,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    beams: Beams = 1,
    batch: Annotated[int, typer.Option(min=1, help="Windows decoded side by side.")] = 16,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda or cuda:1; the first GPU where there is one.")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="float32 or bfloat16; the faster one that the model allows.")
    ] = None,
    queue: Annotated[
        int, typer.Option(min=1, help="Unfinished requests at a time; more are refused with 429.")
    ] = 64,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that a request may take.")] = 120,
    characters: Annotated[
        int, typer.Option(min=1, help="Of texts and types of a request, at most.")
    ] = 100_000,
    about: About = None,
) -> None:
    """Serve a checkpoint: a page, and an API whose requests are decoded together.

    Ctrl-C and SIGTERM end it when all requests are answered.
    """
    from gner_core.serving.settings import Options, token_for
    from tasks.checkpoints.foreign import usable
    from tasks.standalone.serve import serve as become_server

    token_for(host)  # before an import, which may take long
    options = Options(
        beams=beams,
        batch=batch,
        device=device,
        dtype=dtype,
        host=host,
        port=port,
        queue=queue,
        timeout=timeout,
        characters=characters,
    )
    become_server(usable(checkpoint, about), options)
