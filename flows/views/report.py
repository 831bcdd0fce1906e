"""Lines about the studies of a page of results."""

from typing import TYPE_CHECKING

from gner_core.config.studies.results import ShownStudy

if TYPE_CHECKING:
    from tasks.standalone.results.export import Exported
    from tasks.standalone.results.verify import Verified


def exported_line(study: ShownStudy, done: "Exported") -> str:
    """Say how much of a study is finished."""
    record = done.record
    known = f"{len(record.points)} of {len(record.planned)} points" if record else "not run"
    return f"{study.name}: {known}{f'; not read from the store: {done.why}' if done.why else ''}"


def verified_line(study: ShownStudy, found: "Verified | None") -> str:
    """Say how much of a study the store confirms."""
    if found is None:
        return f"{study.name}: not run"
    if found.differences:
        return f"{study.name}: differs"
    if not found.tests:
        return f"{study.name}: not verified, its steps are not in this store"
    return f"{study.name}: {found.tests} of {found.of} tests verified"
