"""Completes the values of a file by those of params/defaults.yaml, and says which these are."""

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from gner_core.config.reading.plain_yaml import read_text
from gner_core.strict import StrictModel

FILE = Path(__file__).parents[3] / "params" / "defaults.yaml"
EVERY = "*"
"""Stands for the names of all stages, or tests."""
NAMED = ("stages", "tests")
"""Sections of entries with names of one's own."""


@cache
def defaults() -> Mapping[str, Any]:
    """Return the values of the file of defaults; not to be changed."""
    values: dict[str, Any] = read_text(FILE.read_text(encoding="utf-8"), str(FILE))
    return values


def defaults_of(kind: type[StrictModel]) -> dict[str, Any]:
    """Return the defaults of an experiment, or of another file that has some of its sections."""
    names = kind.model_fields.keys()
    if not {"decode", "execution"} <= names:
        return {}
    known = {key: value for key, value in defaults().items() if key in names}
    if "stages" not in names:  # tests of a re-evaluation are samples
        known["tests"] = {EVERY: defaults()["tests"][EVERY]["data"]}
    return known


def completed(
    values: Mapping[str, Any], kind: type[StrictModel], *, folder: Path
) -> dict[str, Any]:
    """Return values with the defaults beneath; entries of stages and tests that are null are left out.

    Args:
        folder: of the file; paths of the defaults are relative to it.
    """
    below = _of_its_system(defaults_of(kind), values)
    if "data_root" in below:
        below["data_root"] = os.path.normpath(folder / below["data_root"])
    every = {key: below.pop(key)[EVERY] for key in NAMED if key in below}
    whole = merged(below, values)
    for key, default in every.items():
        entries = whole.get(key, {})
        if isinstance(entries, Mapping):
            whole[key] = {
                name: merged(default, one) if isinstance(one, Mapping) else one
                for name, one in entries.items()
                if one is not None
            }
    for test in _sections(whole.get("tests")):
        if isinstance(test.get("system"), Mapping) and isinstance(whole.get("system"), Mapping):
            both = merged({"system": whole["system"]}, {"system": test["system"]})
            test["system"] = both["system"]
    return whole


def _of_its_system(below: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults of an experiment with those of its system over them."""
    system = values.get("system")
    kind = system.get("kind") if isinstance(system, Mapping) else None
    own = defaults()["systems"].get(kind) if "system" in below else None
    return merged(below, own) if own else below


def _sections(values: Any) -> list[dict[str, Any]]:
    return [one for one in values.values() if isinstance(one, dict)] if values else []


def merged(below: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values over others: sections are merged, but one of another `kind` is replaced."""
    whole = dict(below)
    for key, value in values.items():
        beneath = whole.get(key)
        if (
            isinstance(value, Mapping)
            and isinstance(beneath, Mapping)
            and value.get("kind", beneath.get("kind")) == beneath.get("kind")
        ):
            whole[key] = merged(beneath, value)
        else:
            whole[key] = value
    return whole


def added_keys(whole: Mapping[str, Any], given: Any, above: str = "") -> Iterator[str]:
    """Yield the key paths of the values of `whole` that are not in `given`."""
    known = given if isinstance(given, Mapping) else {}
    for key, value in whole.items():
        if isinstance(value, Mapping) and value:
            yield from added_keys(value, known.get(key), f"{above}{key}.")
        elif key not in known:
            yield f"{above}{key}"
