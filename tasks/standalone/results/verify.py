"""A record checked against the store: all its counts are computed again."""

from collections.abc import Sequence
from dataclasses import dataclass

from gner_core.config.reading.results import ResultsFile
from gner_core.config.studies.results import ShownStudy
from gner_core.reports.results.files import record_file
from gner_core.reports.results.record import differences, read_record
from gner_core.store.artifacts import ArtifactRef, Store
from tasks.standalone.results.counts import counts_of
from tasks.standalone.results.manifests import made


@dataclass(frozen=True, slots=True)
class Verified:
    """What a store says about a kept study."""

    tests: int
    """Kept tests whose scores the store has."""
    of: int
    """All kept tests."""
    differences: Sequence[str]
    """Between what is kept and what the store says, a line each."""


def verify(file: ResultsFile, shown: ShownStudy, store: Store) -> Verified | None:
    """Compute all kept counts of a study again from the steps that they name; None where none are kept.

    Raises:
        InputError: for a record, or an artifact, that cannot be read.
    """
    kept = read_record(record_file(file, shown))
    if kept is None:
        return None
    tests = [(point.name, name, one) for point in kept.points for name, one in point.tests.items()]
    here = [
        (point, name, one) for point, name, one in tests if store.has(ArtifactRef.at(one.score))
    ]
    faults: list[str] = []
    for point, name, one in here:
        found = counts_of(
            ArtifactRef.at(one.score),
            store,
            kinds={kind for corpus in one.counts.values() for kind in corpus},
            by_type=bool(one.types),
            bins=len(one.calibration.get("entities", ())),
        )
        again = one.model_copy(update=found)
        faults += differences(one.model_dump(), again.model_dump(), f"{point}.{name}")
    for path, step in kept.steps.items():
        if store.has(ArtifactRef.at(path)):
            faults += differences(
                step.model_dump(), made(ArtifactRef.at(path), store)[0].model_dump(), path
            )
    return Verified(len(here), len(tests), faults)
