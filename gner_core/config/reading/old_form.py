"""The form of experiments before stages and tests had names: refused, with the new form to paste."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from gner_core.errors import InputError

STAGES, TESTS = ("adaptation", "finetuning"), ("zero_shot", "supervised")
KEYS = (*STAGES, *TESTS, "baseline", "target")
NOW = {
    "adaptation": "stages.adaptation",
    "finetuning": "stages.finetuning",
    "zero_shot": "tests.zero-shot.data",
    "supervised": "tests.supervised.data",
    "baseline": "tests.baseline",
    "target": "system",
}
"""Key of then → key of now."""


def refuse_old_form(values: Mapping[str, Any], path: Path) -> None:
    """Refuse a file with sections of the old form.

    Raises:
        InputError: that prints the new form of the sections.
    """
    old = [key for key in KEYS if key in values]
    if not old:
        return
    new = yaml.safe_dump(_renewed(values), sort_keys=False, default_flow_style=None, width=100)
    raise InputError(
        f"{path}: {', '.join(old)}: the form of earlier versions; write instead:\n{new.rstrip()}"
    )


def new_key(key: str) -> str:
    """Return the end of a message that says how a dotted key of the old form is written now."""
    first, dot, rest = key.partition(".")
    return f"; write {NOW[first]}{dot}{rest}" if first in NOW else ""


def _renewed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections of the old form in the new one."""
    extends = "extends" in values
    first: dict[str, Any] = {} if extends else {"from": "backbone"}
    second: dict[str, Any] = {} if extends else {"from": "adaptation"}
    stages = _entries(
        values, {"adaptation": ("adaptation", first), "finetuning": ("finetuning", second)}
    )
    tests: dict[str, Any] = {}
    supervised = values.get("supervised")
    if "baseline" in values:
        untrained = {"of": "backbone", "data": supervised or {}}
        tests["baseline"] = untrained if values["baseline"] == "true" else None
    for key, name, of, table in (
        ("zero_shot", "zero-shot", "adaptation", "table-2"),
        ("supervised", "supervised", "finetuning", "table-3"),
    ):
        if key in values:
            about = {} if extends else {"of": of, "beside": table}
            tests[name] = None if values[key] is None else {**about, "data": values[key]}
    new: dict[str, Any] = {}
    if values.get("target"):
        new["system"] = {"kind": "gner", **values["target"]}
    return {**new, **({"stages": stages} if stages else {}), **({"tests": tests} if tests else {})}


def _entries(
    values: Mapping[str, Any], names: Mapping[str, tuple[str, Mapping[str, Any]]]
) -> dict[str, Any]:
    return {
        name: None if values[key] is None else {**more, **values[key]}
        for key, (name, more) in names.items()
        if key in values
    }
