"""Params of a sweep, which is one experiment times axes, and of a study, which runs several files."""

from itertools import combinations, product
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gner_core.strict import StrictModel

FIGURES = {
    "parameters": ("backbone", "base"),
    "beams": ("decode.beams", "decode"),
    "context": ("system.context", "system"),
    "table": (),
    "systems": (),
}
"""Kind of figure → the keys of an experiment of which an axis must set one: its x."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Label = Annotated[str, Field(min_length=1)]
KeyPath = Annotated[str, Field(pattern=r"^[^.\s]+(\.[^.\s]+)*$")]
Value = Annotated[dict[KeyPath, Any], Field(min_length=1)]
"""Dotted keys of the experiment, with what they are set to."""
Axis = Annotated[dict[Label, Value], Field(min_length=1)]
Score = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9-]*/"
        r"(f1|precision|recall|strict_f1|own_f1|UE|NE|BE|calibration_error|"
        r"seconds|calls|tokens|hallucinated|omitted|added|substituted)$"
    ),
]
"""A test and a figure of it: a mean over corpora (own_f1: of the system's own metric), an error class
of Table 1, the error of the confidences, or, a sentence, seconds, calls, tokens of prompts and answers,
hallucinated strings, and the words of Table 9."""


class SweepParams(StrictModel):
    """An experiment times axes: its points are all combinations of their values."""

    name: Name
    """Names the points, the report and the run in MLflow."""
    base: str | None = None
    """The experiment file, relative to the sweep file (with `--set base=…` to the working
    directory); none where an axis sets it, which names a file for each of its values."""
    fixed: dict[KeyPath, Any] = Field(default_factory=dict)
    """Dotted keys of the experiment → their values in all points, other than in `base`."""
    axes: dict[Name, Axis] = Field(min_length=1)
    """Axis → label of a value → the dotted keys that it sets."""
    seeds: Name | None = None
    """The axis of repetitions: mean and standard deviation over it are shown."""
    show: tuple[Score, ...] = Field(min_length=1)
    """The columns of the table, such as zero-shot/f1; the figure draws those that are no errors."""
    figure: Literal["parameters", "beams", "context", "table", "systems"]
    """F1 against parameters (Fig. 7), beam size (Table 7), context (Fig. 4), or rows only, beside
    Table 6 or, of released checkpoints, Tables 2 and 3."""
    device: str | None = None
    """Device of the costs in a dry run where none is named; null for no costs."""

    @model_validator(mode="after")
    def _axes_fit_together(self) -> "SweepParams":
        if self.seeds is not None and self.seeds not in self.axes:
            raise ValueError(f"seeds: no axis {self.seeds!r}; there are: {', '.join(self.axes)}")
        if FIGURES[self.figure] and self.x_axis is None:
            raise ValueError(
                f"figure: no axis sets {FIGURES[self.figure][0]}, which {self.figure} draws"
            )
        bases = [all("base" in keys for keys in values.values()) for values in self.axes.values()]
        if self.base is None and not any(bases):
            raise ValueError("base: missing; name an experiment file, or set base in an axis")
        for axis, key in self.keys_of_axes():
            if key in ("name", "extends"):
                raise ValueError(f"axes.{axis}: cannot set {key}")
        self._refuse_keys_set_twice()
        self._refuse_faulty_values()
        return self

    def _refuse_keys_set_twice(self) -> None:
        """Refuse a point in which two places set one key, or one a key and the other its section."""
        places = {"fixed": [*self.fixed, *(["base"] if self.base else [])]}
        for axis, key in self.keys_of_axes():
            places.setdefault(f"axes.{axis}", []).append(key)
        for (one, keys), (other, others) in combinations(places.items(), 2):
            for key, again in product(keys, others):
                if _overlap(key, again):
                    raise ValueError(
                        f"{other} sets {again}, and {one} {key}; leave one of them out"
                    )

    def _refuse_faulty_values(self) -> None:
        for axis, values in self.axes.items():
            for label, keys in values.items():
                for one, other in combinations(keys, 2):
                    if _overlap(one, other):
                        raise ValueError(
                            f"axes.{axis}.{label} sets both {one} and {other}; leave one of them out"
                        )
            for (label, keys), (again, others) in combinations(values.items(), 2):
                if keys == others:
                    raise ValueError(f"axes.{axis}: {label!r} and {again!r} set the same")

    def keys_of_axes(self) -> list[tuple[str, str]]:
        """Return each axis with each dotted key that some value of it sets."""
        return [
            (axis, key)
            for axis, values in self.axes.items()
            for key in dict.fromkeys(key for keys in values.values() for key in keys)
        ]

    @property
    def x_axis(self) -> str | None:
        """The axis that is the x of the figure; None for a table."""
        drawn = FIGURES[self.figure]
        return next((axis for axis, key in self.keys_of_axes() if key in drawn), None)


def _overlap(one: str, other: str) -> bool:
    """Say whether two dotted keys are one, or one is a section that holds the other."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


class StudyParams(StrictModel):
    """Sweeps and experiments that are run together; steps that they share run once."""

    name: Name
    """Names the run in MLflow and the page."""
    parts: tuple[str, ...] = Field(min_length=1)
    """Files of experiments and sweeps, relative to the study file."""
