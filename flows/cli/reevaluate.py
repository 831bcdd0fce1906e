"""The command `gner reevaluate`: new checkpoints against the champion."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.messages import log_to, print_json
from flows.cli.run import Overrides
from flows.views.output import Output
from gner_core.errors import InputError

Arguments = Annotated[
    list[str],
    typer.Argument(
        metavar="[CHECKPOINT…] PARAMS",
        help="Checkpoints, as gner models names them, or folders; last the re-evaluation file.",
    ),
]


def reevaluate(
    arguments: Arguments,
    scan: Annotated[
        bool, typer.Option("--scan", help="Look for checkpoints, as the file says.")
    ] = False,
    overrides: Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Evaluate checkpoints on fixed tests; the alias moves to one that beats the champion.

    Each is evaluated and compared once; asking again shows the table. Under Prefect where
    PREFECT_API_URL or the active profile names a server, else in this process.
    """
    from gner_core.config.reading.files import read_params
    from gner_core.config.reevaluation import Reevaluation

    *names, file = arguments
    if scan == bool(names):
        either = "give checkpoints to evaluate, or --scan to look for them"
        raise InputError(f"{either}, not both" if scan else either)
    params = read_params(Reevaluation, Path(file), overrides=overrides or [])
    from flows import reevaluate as flows
    from flows.views.reevaluate import print_table, raise_faults, table_rows, title_of
    from tasks.services.prefect import chosen_server

    def show(table: list[dict[str, str]]) -> None:
        if as_json:
            print_json(table)
        else:
            print_table(table, title=title_of(params))

    if chosen_server():
        given = (file, overrides or [])
        found = flows.scan(*given) if scan else []
        table = [*found, *(row for name in names for row in flows.evaluate(name, *given))]
        show(table)
        return
    console = Output(stderr=as_json)
    log_to(console)
    rows = flows.reevaluate_here(params, names=None if scan else names, console=console)
    show(table_rows(rows))
    raise_faults(rows)
