"""The command `gner check`: whether files of params/ are valid."""

from pathlib import Path
from typing import Annotated

import typer


def check(
    files: Annotated[
        list[Path], typer.Argument(help="Files of experiments, sweeps, backbones or catalogs.")
    ],
) -> None:
    """Validate parameter files; files below models/ and corpora/ are backbones and catalogs.

    Every point of a sweep is read and its steps are planned.
    """
    from gner_core.config.reading.check import check_file

    for file in files:
        kind = check_file(file)
        if kind.startswith(("sweep", "study")):
            from gner_core.config.reading.sweeps import read_runnable
            from tasks.plans.points import planned_points, shared_steps

            points = planned_points(read_runnable(file, overrides=[]))
            kind += f": {len(points)} points, {len(shared_steps(points))} steps"
        typer.echo(f"ok  {file}  ({kind})")
