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


class _Dumper(yaml.SafeDumper):
    """Writes a section that is there twice in full."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        """Say that nothing is to be an alias."""
        return True


def refuse_old_form(values: Mapping[str, Any], path: Path) -> None:
    """Refuse a file with sections of the old form.

    Raises:
        InputError: that prints the new form of the sections.
    """
    old = [key for key in KEYS if key in values]
    if not old:
        return
    new = yaml.dump(
        _renewed(values), Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=100
    )
    raise InputError(
        f"{path}: {', '.join(old)}: the form of earlier versions; write instead:\n{new.rstrip()}"
    )


def new_key(key: str) -> str:
    """Return the end of a message that says how a dotted key of the old form is written now."""
    first, dot, rest = key.partition(".")
    return f"; write {NOW[first]}{dot}{rest}" if first in NOW else ""


def _renewed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections of the old form in the new one."""
    whole = "extends" not in values  # else the extended file says what they start from
    stages: dict[str, Any] = {}
    for key, origin in (("adaptation", "backbone"), ("finetuning", "adaptation")):
        if key in values:
            stages[key] = values[key] and {**({"from": origin} if whole else {}), **values[key]}
    tests: dict[str, Any] = {}
    if "baseline" in values:
        untrained = {"of": "backbone", "data": values.get("supervised") or {}}
        tests["baseline"] = untrained if values["baseline"] == "true" else None
    for key, name, of in (
        ("zero_shot", "zero-shot", "adaptation"),
        ("supervised", "supervised", "finetuning"),
    ):
        if key in values:
            tests[name] = values[key] and {**({"of": of} if whole else {}), "data": values[key]}
    target = values.get("target")
    sections = {
        "system": target and {"kind": "gner", **target},
        "stages": stages,
        "tests": tests,
    }
    return {name: section for name, section in sections.items() if section}
