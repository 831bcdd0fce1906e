"""Reads a page of results, and the experiments and sweeps that it shows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gner_core.config.experiment import Experiment
from gner_core.config.reading.files import read_params
from gner_core.config.reading.sweeps import Study, Sweep, SweepPoint, read_runnable
from gner_core.config.studies.results import ResultsParams, ShownStudy
from gner_core.errors import InputError, did_you_mean


@dataclass(frozen=True, slots=True)
class ResultsFile:
    """A results file with the places that it names."""

    path: Path
    params: ResultsParams

    @property
    def page(self) -> Path:
        """The Markdown file that is written."""
        return (self.path.parent / self.params.page).resolve()

    @property
    def folder(self) -> Path:
        """The folder of counts, figures and accounts."""
        return self.page.with_suffix("")

    def study(self, shown: ShownStudy) -> Path:
        """Return the file of a study."""
        return self.path.parent / shown.file


def read_results(path: Path) -> ResultsFile:
    """Read a results file, but not the studies that it names.

    Raises:
        InputError: as `read_params`.
    """
    return ResultsFile(path, read_params(ResultsParams, path))


def read_study(
    file: ResultsFile, shown: ShownStudy, *, overrides: Sequence[str]
) -> Experiment | Sweep:
    """Read the experiment or the sweep of a study.

    Raises:
        InputError: as `read_runnable`, and where it has not what is to be shown; a line a fault.
    """
    found = read_runnable(file.study(shown), overrides=overrides)
    where = f"{file.path}: {shown.name}"
    if isinstance(found, Study):
        raise InputError(f"{where}: file: {shown.file} has parts; name each of them as a study")
    faults = list(_faults(shown, found))
    if faults:
        raise InputError("\n".join(f"{where}: {fault}" for fault in faults))
    return found


def check_results(path: Path) -> None:
    """Read a results file with all its studies.

    Raises:
        InputError: as `read_results` and `read_study`.
    """
    file = read_results(path)
    for shown in file.params.studies():
        read_study(file, shown, overrides=[])


def _faults(shown: ShownStudy, found: Experiment | Sweep) -> Iterator[str]:
    """Yield what of a study cannot be shown, a line each."""
    points = [SweepPoint({}, found)] if isinstance(found, Experiment) else found.points
    seeds = None if isinstance(found, Experiment) else found.params.seeds
    for test in shown.tests():
        for experiment in (point.experiment for point in points):
            if test not in experiment.tests:
                hint = did_you_mean(test, experiment.tests)
                yield f"{experiment.name} has no test {test}{hint}"
                break
    for key, labels in _named_points(shown):
        yield from (
            f"{key}: {fault}"
            for fault in _faults_of_labels(labels, [one.labels for one in points], seeds)
        )


def _named_points(shown: ShownStudy) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the keys of a study at which points are named, with what they name."""
    yield "baseline", shown.baseline or {}
    for number, claim in enumerate(shown.claims):
        yield f"claims.{number}.of", claim.of
        yield f"claims.{number}.against", claim.against
    for number, ref in enumerate(shown.paper):
        yield f"paper.{number}.of", ref.of


def _faults_of_labels(
    labels: Mapping[str, str], points: Sequence[Mapping[str, str]], seeds: str | None
) -> Iterator[str]:
    axes = {axis: {point[axis]: None for point in points} for axis in points[0]}
    for axis, label in labels.items():
        if axis not in axes:
            there = ", ".join(axes) or "none"
            yield f"no axis {axis}{did_you_mean(axis, axes) or f'; there are: {there}'}"
        elif axis == seeds:
            yield f"{axis} is the axis of seeds, over which means are taken"
        elif label not in axes[axis]:
            there = ", ".join(axes[axis])
            yield f"no {axis} {label!r}{did_you_mean(label, axes[axis]) or f'; there are: {there}'}"
    if not any(labels.items() <= point.items() for point in points):
        yield "no point has all of these labels"
