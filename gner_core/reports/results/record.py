"""What is kept of a study: the counts of every tested sentence, and where they come from.

From it the page is rendered, so that a study whose store is lost stays as it is. Counts are integers, a
list for each corpus in the order of the sentences' identifiers.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from gner_core.config.scoring import BootstrapParams
from gner_core.errors import InputError
from gner_core.store.fingerprint import canonical
from gner_core.strict import StrictModel

Columns = dict[str, tuple[int, ...]]
"""Name of a column → its number in each sentence. Metrics have right, predicted and gold; `errors` has
gold, UE, NE and BE."""
_NUMBERS = re.compile(r"\[\n[-\d\s.,e]*\]")


class Environment(StrictModel):
    """In what a step was made."""

    code: dict[str, str | bool]
    """Its commit, and whether files differed from it; empty where it is not known."""
    python: str
    packages: dict[str, str]
    machine: dict[str, str | int | float | list[str]]
    """Without the name of the machine."""
    computed_in: str | None = None
    """The number format of the model; None for a step without one."""


class StepRecord(StrictModel):
    """A step that a point needs."""

    title: str
    seconds: float
    """Over all attempts; of a step without a model those of the last one."""
    environment: str
    """Its key among the environments."""


class ScoreRecord(StrictModel):
    """A scored test."""

    score: str
    """The step from which everything here comes, as STEP/KEY."""
    split: str
    sentences: str
    """The hash of corpus and identifier of all sentences: two tests with the same are paired."""
    counts: dict[str, dict[str, Columns]]
    """Corpus → metric (pair, span, published) or `errors` → columns."""
    sums: dict[str, float]
    """Over all sentences: seconds, calls, tokens, hallucinated, omitted, added, substituted, as far as
    they are known."""
    calibration: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    """Entities, right ones and the sum of confidences in each bin; empty without confidences."""
    types: dict[str, dict[str, tuple[int, int, int]]] = Field(default_factory=dict)
    """Corpus → type → right, predicted, gold; of tests that are shown by type."""
    confusion: dict[str, dict[str, dict[str, int]]] = Field(default_factory=dict)
    """Corpus → gold type → type of what overlaps, "O" for nothing → entities."""


class PointRecord(StrictModel):
    """A finished point of a study."""

    labels: dict[str, str]
    """Axis → label; none where the study is one experiment."""
    name: str
    """Of its experiment."""
    model: str
    parameters: int
    series: str
    """Its line in the figure of its sweep, as `x` and `x_label`."""
    x: float | None
    x_label: str
    steps: tuple[str, ...]
    """All steps with a model that it needs."""
    tests: dict[str, ScoreRecord]

    def keys(self) -> dict[str, str]:
        """Return the step of each test."""
        return {name: test.score for name, test in self.tests.items()}


class StudyRecord(StrictModel):
    """All that is known of a study."""

    study: str
    axes: tuple[str, ...]
    """Without the seeds."""
    seeds: str | None
    figure: str
    """Kind of the figure of its sweep."""
    scoring: BootstrapParams
    planned: tuple[dict[str, str], ...]
    """Labels of all points, in their order."""
    points: tuple[PointRecord, ...]
    steps: dict[str, StepRecord]
    environments: dict[str, Environment]

    @property
    def missing(self) -> list[dict[str, str]]:
        """Labels of the points that are not finished."""
        done = [point.labels for point in self.points]
        return [labels for labels in self.planned if labels not in done]


def read_record(path: Path) -> StudyRecord | None:
    """Read what is kept of a study; None where there is nothing.

    Raises:
        InputError: for a file that is none.
    """
    if not path.exists():
        return None
    try:
        return StudyRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{path}: {where}: {first['msg']}; restore the file, or delete it"
        ) from None


def text_of(record: StudyRecord) -> str:
    """Return the text of a record's file: a line for each list of numbers."""
    text = json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False)
    return _NUMBERS.sub(lambda found: re.sub(r"\s", "", found[0]), text) + "\n"


def merged(
    old: StudyRecord | None, new: StudyRecord, keys: Mapping[str, Mapping[str, str]]
) -> StudyRecord:
    """Return a record of what is finished here, together with what was finished elsewhere before.

    Args:
        old: what is kept.
        new: the points whose steps are in the store at hand.
        keys: of every planned point, by its name, the steps of its tests.

    Raises:
        InputError: where a kept point comes from other steps than are planned now.
    """
    if old is None:
        return new
    for point in old.points:
        if point.name not in keys:
            raise InputError(f"{point.name}: kept, and the file plans no such point now")
        for test, score in point.keys().items():
            now = keys[point.name].get(test, score)
            if now != score:
                raise InputError(
                    f"{point.name}, {test}: kept from {score}, and the file plans {now} now, so that "
                    "its counts cannot stand beside new ones"
                )
    known = {point.name: point for point in (*old.points, *new.points)}
    points = [known[name] for name in keys if name in known]
    steps = {path: {**old.steps, **new.steps}[path] for p in points for path in p.steps}
    environments = {**old.environments, **new.environments}
    used = dict.fromkeys(step.environment for step in steps.values())
    return new.model_copy(
        update={
            "points": tuple(points),
            "steps": steps,
            "environments": {name: environments[name] for name in used},
        }
    )


def differences(kept: Any, found: Any, where: str = "") -> Iterator[str]:
    """Yield what differs between two JSON values: where, and both; lists of numbers as a whole."""
    if isinstance(kept, dict) and isinstance(found, dict):
        for key in dict.fromkeys([*kept, *found]):
            path = f"{where}.{key}" if where else str(key)
            if key not in kept or key not in found:
                yield f"{path}: only {'kept' if key in kept else 'in the store'}"
            else:
                yield from differences(kept[key], found[key], path)
    elif kept != found:
        yield f"{where}: {_first_difference(kept, found)}"


def _first_difference(kept: Any, found: Any) -> str:
    if (
        isinstance(kept, list | tuple)
        and isinstance(found, list | tuple)
        and len(kept) == len(found)
    ):
        place = next(
            n for n, pair in enumerate(zip(kept, found, strict=True)) if pair[0] != pair[1]
        )
        return f"number {place + 1} of {len(kept)}: kept {kept[place]}, in the store {found[place]}"
    return f"kept {canonical(kept)[:60]}, in the store {canonical(found)[:60]}"
