"""The files of a page of results: reading what it is rendered from, writing and checking it."""

import os
from collections.abc import Iterator
from difflib import unified_diff
from itertools import islice
from pathlib import Path

from gner_core.config.reading.results import ResultsFile
from gner_core.config.studies.results import ShownStudy
from gner_core.errors import InputError
from gner_core.reports.results.page import Page
from gner_core.reports.results.record import read_record
from gner_core.runtime.files import write_file

LINES = 12
"""Of a difference that are shown."""


def record_file(file: ResultsFile, study: ShownStudy) -> Path:
    """Return the file of what is kept of a study."""
    return file.folder / f"{study.name}.json"


def read_page(file: ResultsFile) -> Page:
    """Read what a page is rendered from: records and accounts, but no study and no store.

    Raises:
        InputError: for a record that cannot be read.
    """
    studies = file.params.studies()
    records = {study.name: read_record(record_file(file, study)) for study in studies}
    accounts = {study.name: file.folder / f"{study.name}.notes.md" for study in studies}
    return Page(
        params=file.params,
        records={name: record for name, record in records.items() if record},
        notes={
            name: path.read_text(encoding="utf-8")
            for name, path in accounts.items()
            if path.exists()
        },
        commands={study.name: f"gner run {_shown(file, file.study(study))}" for study in studies},
        again=f"gner report results {_shown(file, file.path)}",
        folder=file.folder.name,
    )


def _shown(file: ResultsFile, path: Path) -> str:
    """Return a path from the folder that holds the page and the results file, on every machine the same."""
    root = os.path.commonpath([file.page.parent, file.path.resolve().parent])
    return Path(os.path.relpath(path.resolve(), root)).as_posix()


def write_page(file: ResultsFile) -> list[Path]:
    """Write the page and its figures; return their files.

    Raises:
        InputError: as `Page.render`.
    """
    contents = _contents(file)
    file.folder.mkdir(parents=True, exist_ok=True)
    for path, content in contents.items():
        write_file(path, content)
    for path in _figures(file) - contents.keys():
        path.unlink()
    return list(contents)


def differences_of_page(file: ResultsFile) -> Iterator[str]:
    """Yield, in lines, what differs from what `write_page` would write.

    Raises:
        InputError: as `Page.render`.
    """
    contents = _contents(file)
    for path in sorted(_figures(file) - contents.keys()):
        yield f"{path}: belongs to no study"
    for path, content in contents.items():
        if not path.exists():
            yield f"{path}: missing"
            continue
        found = path.read_bytes()
        if found == content:
            continue
        yield f"{path}: differs"
        if path == file.page:
            old, new = (text.decode(errors="replace").splitlines() for text in (found, content))
            yield from islice(unified_diff(old, new, "is", "would be", lineterm="", n=0), LINES)


def _contents(file: ResultsFile) -> dict[Path, bytes]:
    page = read_page(file)
    svgs = {file.folder / f"{name}.svg": svg for name, svg in page.figures.items()}
    try:
        return {file.page: page.render().encode(), **svgs}
    except InputError as error:
        raise InputError(f"{file.path}: {error}") from None


def _figures(file: ResultsFile) -> set[Path]:
    return {*file.folder.glob("*.svg")}
