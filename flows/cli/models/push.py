"""The command `gner push`: a checkpoint as a repository of the Hugging Face hub."""

import re
from typing import Annotated

import typer

from flows.cli.models.predict import Checkpoint
from gner_core.errors import InputError

IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9.-]*")


def push(
    checkpoint: Checkpoint,
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The repository of the hub.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print the card and the files; nothing is sent.")
    ] = False,
    public: Annotated[
        bool, typer.Option("--public", help="Anybody may see it; it is private otherwise.")
    ] = False,
    licence: Annotated[
        str, typer.Option(help="Of the weights, as the hub names it: apache-2.0, mit, …")
    ] = "unknown",
) -> None:
    """Upload a checkpoint of gner with a model card: its data, their licences, its known scores.

    The token is that of HF_TOKEN or of `hf auth login`.
    """
    from flows.views.models.push import print_publication
    from gner_core.config.reading.models import HUB_NAME
    from tasks.standalone.push import prepare_push
    from tasks.standalone.push import push as push_there

    if not (found := HUB_NAME.fullmatch(repo)) or found["revision"]:
        raise InputError(f"{repo}: not the name of a repository; give OWNER/NAME")
    if not IDENTIFIER.fullmatch(licence):
        raise InputError(f"--licence {licence}: not an identifier of the hub, such as apache-2.0")
    publication = prepare_push(checkpoint, repo, licence=licence)
    print_publication(publication, repo=repo, public=public, whole=dry_run)
    if dry_run:
        typer.echo("dry run: nothing was sent")
        return
    address, deleted = push_there(publication, repo, public=public)
    for name in deleted:
        typer.echo(f"deleted   {name} (weights of an earlier upload)")
    typer.echo(f"commit    {address}")
