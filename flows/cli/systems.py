"""The commands `gner systems …`: systems whose packages need an environment of their own."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from flows.cli.messages import print_json
from flows.cli.store import AsJson

app = typer.Typer(
    invoke_without_command=True,
    help="List systems that need a package of their own and whether it is here; install it.",
)
Kind = Annotated[Literal["gliner"], typer.Argument(help="The system.")]


@app.callback()
def systems(context: typer.Context, as_json: AsJson = False) -> None:
    """List the systems; all others need nothing but gner."""
    from flows.views.output import print_parts
    from flows.views.systems import system_lines
    from gner_core.systems.gliner.environment import look
    from tasks.paths import home_folder

    if context.invoked_subcommand:
        return
    found = {"gliner": look(home_folder())}
    if as_json:
        rows: list[dict[str, Any]] = [
            {"system": name, **one._asdict(), "folder": str(one.folder)}
            for name, one in found.items()
        ]
        print_json(rows)
        return
    print_parts(system_lines(found))


@app.command()
def install(
    kind: Kind,
    index: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Another package index, for example of torch for your GPU, beside pip's own.",
        ),
    ] = None,
) -> None:
    """Make the environment of a system in GNER_HOME; run again, it finishes what was begun.

    Every package has an exact version. Where they come from is what pip's settings say.
    """
    from flows.views.output import print_parts
    from flows.views.systems import system_lines
    from gner_core.systems.gliner.environment import install as make
    from tasks.paths import made_home

    print_parts(system_lines({kind: make(made_home(), index=index, say=typer.echo)}))


@app.command("import")
def import_checkpoint(
    kind: Kind,  # noqa: ARG001 (names the system for people; there is one)
    source: Annotated[Path, typer.Argument(help="Folder of a checkpoint, as it was released.")],
    target: Annotated[Path, typer.Argument(help="Folder to write; it must not exist.")],
    encoder: Annotated[
        Path | None,
        typer.Option(help="Folder with config and tokenizer of its encoder, where it has none."),
    ] = None,
) -> None:
    """Write a released checkpoint anew with safetensors weights and all that it needs."""
    from tasks.standalone.systems import import_gliner

    import_gliner(source, target, encoder=encoder)
    typer.echo(f"wrote {target}; test it: tests: {{NAME: {{of: {{checkpoint: {target}}}}}}}")
