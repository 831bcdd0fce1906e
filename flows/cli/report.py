"""The command `gner report results`: a page of results from published artifacts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gner_core.errors import InputError

if TYPE_CHECKING:
    from gner_core.config.reading.results import ResultsFile

app = typer.Typer(no_args_is_help=True, help="Write pages of several studies.")

File = Annotated[
    Path,
    typer.Argument(metavar="RESULTS.yaml", help="What the page shows."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY.PATH=VALUE", help="As the studies were run with; repeatable."
    ),
]


@app.callback()
def _report() -> None:
    """Take the name of a report."""


@app.command()
def results(
    file: File = Path("params/small-paper/results.yaml"),
    overrides: Overrides = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether the page is what would be written.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only compute all kept counts again from the store.")
    ] = False,
) -> None:
    """Write the page of results, from the counts of every study that is finished in the store.

    The counts are kept beside the page, so that a study whose store is gone stays on it.
    """
    from gner_core.config.reading.results import read_results

    if overrides and (check or verify):
        raise InputError("--set says how studies were run that are exported; leave it out here")
    found = read_results(file)
    if not check and not verify:
        _write(found, overrides or [])
        return
    faults: list[str] = []
    if verify:
        faults += _verify(found)
    if check:
        from gner_core.reports.results.files import differences_of_page

        faults += differences_of_page(found)
    if faults:
        raise InputError("\n".join(faults))
    if check:
        typer.echo(f"{found.page}: as it would be written")


def _write(found: "ResultsFile", overrides: list[str]) -> None:
    """Export what is finished, then write the page.

    Raises:
        InputError: when a study could not be exported; the page is written from what is kept.
    """
    from flows.views.report import exported_line
    from gner_core.reports.results.files import write_page
    from tasks.paths import open_store
    from tasks.standalone.results.export import export

    store, refused = open_store(), []
    for study in found.params.studies():
        try:
            done = export(found, study, store, overrides=overrides)
        except InputError as error:
            refused.append(str(error))
            continue
        typer.echo(exported_line(study, done))
    for path in write_page(found):
        typer.echo(path)
    if refused:
        raise InputError("\n".join(refused))


def _verify(found: "ResultsFile") -> list[str]:
    """Return what is not as kept; print a line a study."""
    from flows.views.report import verified_line
    from tasks.paths import open_store
    from tasks.standalone.results.verify import verify

    store = open_store()
    faults: list[str] = []
    for study in found.params.studies():
        result = verify(found, study, store)
        typer.echo(verified_line(study, result))
        faults += result.differences if result else ()
    return faults
