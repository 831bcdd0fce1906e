"""Reads what `gner run` accepts: an experiment, a sweep or a study, told apart by their keys.

An override of a sweep's own key (`base=params/tiny.yaml`) changes the sweep; any other changes the
experiment of every point. A study passes overrides on to its parts.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from gner_core.config.experiment import Experiment
from gner_core.config.reading.defaults import defaults_of
from gner_core.config.reading.files import (
    EXTENDS,
    Catalog,
    apply_override,
    assign,
    copied,
    read_experiment,
    read_values,
    read_yaml,
    validated,
    validated_with_defaults,
)
from gner_core.config.reading.kinds import refuse_other_kind
from gner_core.config.studies.sweep import StudyParams, SweepParams
from gner_core.config.systems.gner import GnerSystem
from gner_core.errors import InputError, did_you_mean


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One combination of the values of all axes."""

    labels: Mapping[str, str]
    """Axis → label of its value."""
    experiment: Experiment

    @property
    def label(self) -> str:
        """The name for people, such as `size=Flan-T5-large, beams=2`."""
        return ", ".join(f"{axis}={label}" for axis, label in self.labels.items())


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep with its points in the order of the product of its axes."""

    params: SweepParams
    points: Sequence[SweepPoint]

    @property
    def name(self) -> str:
        """Its name."""
        return self.params.name

    def x_of(self, point: SweepPoint) -> tuple[float | None, str]:
        """Return the x of a point in the figure, and its label.

        None is drawn after all numbers (full context); rows of a table have no x.
        """
        experiment = point.experiment
        if self.params.figure == "parameters":
            size = experiment.backbone.parameters if experiment.backbone else 0
            return float(size), _short(size)
        if self.params.figure == "beams":
            beams = experiment.decode.beams if experiment.decode else 0
            return float(beams), str(beams)
        if self.params.figure == "context":
            words = _gner(experiment).context
            return (None, "full") if words == "full" else (float(words), str(words))
        return None, ""

    def line_of(self, point: SweepPoint) -> str:
        """Return the name of the line of a point; empty where there is only one line."""
        left_out = (self.params.x_axis, self.params.seeds)
        names = [label for axis, label in point.labels.items() if axis not in left_out]
        if self.params.figure == "context":
            names.append(_gner(point.experiment).labels)
        models = [one.experiment.backbone for one in (point, *self.points)]
        families = [model.family for model in models if model]
        if self.params.figure == "parameters" and len({*families}) > 1:
            names.append(families[0].replace("_", "-"))
        return ", ".join(names)


@dataclass(frozen=True, slots=True)
class Study:
    """Experiments and sweeps that are run together."""

    name: str
    parts: Sequence[Experiment | Sweep]


def _gner(experiment: Experiment) -> GnerSystem:
    """Return the system of a point of a figure that draws contexts.

    Raises:
        InputError: for another system than gner, whose targets have no context.
    """
    if not isinstance(experiment.system, GnerSystem):
        raise InputError(
            f"{experiment.name}: figure: context draws points of gner, and the system is "
            f"{experiment.system.kind}; take the figure table"
        )
    return experiment.system


Runnable = Experiment | Sweep | Study


def read_runnable(path: Path, *, overrides: Sequence[str]) -> Runnable:
    """Read an experiment, a sweep or a study.

    Raises:
        InputError: for a missing or malformed file, one that is none of the three, a bad override,
            or any value that does not fit, also of a single point.
    """
    values = read_yaml(path)
    if "parts" in values:
        return _study(path, values, overrides)
    return _part(path, values, overrides)


def _part(path: Path, values: dict[str, Any], overrides: Sequence[str]) -> Experiment | Sweep:
    if "axes" in values:
        return _sweep(path, values, overrides)
    refuse_other_kind(read_values(path) if EXTENDS in values else values, path)
    return read_experiment(path, overrides=overrides)


def _study(path: Path, values: dict[str, Any], overrides: Sequence[str]) -> Study:
    passed_on = _own_overrides(values, overrides, StudyParams)
    params = validated(StudyParams, values, path)
    parts = []
    for part in params.parts:
        file = path.parent / part
        content = read_yaml(file)
        if "parts" in content:
            raise InputError(f"{path}: parts: {part} is a study itself; name its parts")
        parts.append(_part(file, content, passed_on))
    for name, times in Counter(part.name for part in parts).items():
        if times > 1:
            raise InputError(f"{path}: parts: two are named {name!r}; reports would overwrite")
    return Study(params.name, parts)


def _sweep(path: Path, values: dict[str, Any], overrides: Sequence[str]) -> Sweep:
    if isinstance(values.get("base"), str):
        values["base"] = str(path.parent / values["base"])
    passed_on = _own_overrides(values, overrides, SweepParams)
    params = validated(SweepParams, values, path)
    for override in passed_on:
        _refuse_keys_of_axes(override, params)

    @cache
    def below(base: Path) -> dict[str, Any]:
        """Return the values that all points of a base share."""
        common = read_values(base)
        _set_all(common, params.fixed, where="fixed", file=path)
        for override in passed_on:
            apply_override(common, override, beneath=defaults_of(Experiment))
        if "corpora" in common and not any(
            key.startswith("corpora") for _, key in params.keys_of_axes()
        ):
            common["corpora"] = validated(Catalog, common["corpora"], base)  # once for all points
        return common

    points = list(_points(path, params, below))
    for point in points:
        tests = point.experiment.tests
        for name in dict.fromkeys(score.split("/")[0] for score in params.show):
            if name not in tests:
                hint = did_you_mean(name, tests) or f"; there are: {', '.join(tests)}"
                raise InputError(f"{path}: show: {point.label} has no test {name}{hint}")
    return Sweep(params, points)


def _points(
    path: Path, params: SweepParams, below: Callable[[Path], dict[str, Any]]
) -> Iterator[SweepPoint]:
    names: dict[str, str] = {}
    for chosen in product(*(values.items() for values in params.axes.values())):
        labels = {axis: label for axis, (label, _) in zip(params.axes, chosen, strict=True)}
        base = next((path.parent / keys["base"] for _, keys in chosen if "base" in keys), None)
        base = base or Path(params.base or "")
        values = copied(below(base))
        for axis, (label, keys) in zip(params.axes, chosen, strict=True):
            set_here = {key: value for key, value in keys.items() if key != "base"}
            _set_all(values, set_here, where=f"axes.{axis}.{label}", file=path)
        name = "-".join([params.name, *(_slug(label) for label in labels.values())])
        values["name"] = name
        label = ", ".join(f"{axis}={label}" for axis, label in labels.items())
        experiment = validated_with_defaults(
            Experiment, values, f"{path}: {label}", folder=base.parent
        )
        point = SweepPoint(labels, experiment)
        if name in names:
            raise InputError(f"{path}: {names[name]} and {label} are both named {name}")
        names[name] = label
        yield point


def _set_all(values: dict[str, Any], keys: Mapping[str, Any], *, where: str, file: Path) -> None:
    beneath = defaults_of(Experiment)
    for key, value in keys.items():
        at = f"{file}: {where}.{key}"
        assign(values, key, copied(value), where=at, folder=file.parent, beneath=beneath)


def _own_overrides(
    values: dict[str, Any], overrides: Sequence[str], kind: type[SweepParams] | type[StudyParams]
) -> list[str]:
    """Set the overrides of a file's own keys; return the others."""
    others = []
    for override in overrides:
        if override.partition("=")[0].split(".")[0] in kind.model_fields:
            apply_override(values, override, beneath={})
        else:
            others.append(override)
    return others


def _refuse_keys_of_axes(override: str, params: SweepParams) -> None:
    key = override.partition("=")[0]
    for axis, own in params.keys_of_axes():
        if key == own or key.startswith(f"{own}.") or own.startswith(f"{key}."):
            raise InputError(f"--set {override}: {own} is set by the axis {axis}")


def _short(number: int) -> str:
    for size, sign in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if number >= size:
            scaled = number / size
            return f"{scaled:.1f}{sign}" if scaled < 10 else f"{scaled:.0f}{sign}"
    return str(number)


def _slug(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")
