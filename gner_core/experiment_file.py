"""Reads an experiment file: YAML, with other files included and values overridden.

Owns the way from text to a valid `Experiment` or `Reevaluation`, and errors that name file, key path and what is
allowed. Does not own the fields (`gner_core.params`, `gner_core.reevaluation_params`).

A text at `backbone` or `corpora` is the path of another YAML file, relative to the one it
stands in; a catalog may also be a folder of YAML files. Overrides come last: `decode.beams=4`, values written as in YAML.

With `extends: other.yaml` a file holds only what differs from another one; sections are merged,
but a backbone or a catalog counts as a whole.

Example:
    experiment = read_experiment(Path("params/demo.yaml"), overrides=["decode.beams=4"])
"""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from gner_core.corpus_params import CorpusParams, Model
from gner_core.costs.devices import read_profile
from gner_core.costs.energy import ENERGY, read_energy
from gner_core.costs.lengths import read_lengths
from gner_core.errors import InputError
from gner_core.params import BackboneParams, Experiment
from gner_core.reevaluation_params import Reevaluation

INCLUDES = ("backbone", "corpora")
EXTENDS = "extends"
M = TypeVar("M", bound=Model)


def read_experiment(path: Path, *, overrides: list[str]) -> Experiment:
    """Read, complete and validate an experiment file.

    Raises:
        InputError: for a missing or malformed file, a bad override, or any value that does not
            fit; all faults of the values are named at once.
    """
    return _read_whole(path, Experiment, overrides)


def read_reevaluation(path: Path, *, overrides: list[str]) -> Reevaluation:
    """Read, complete and validate a re-evaluation file, as `read_experiment` does an experiment."""
    return _read_whole(path, Reevaluation, overrides)


def _read_whole(path: Path, kind: type[M], overrides: list[str]) -> M:
    values = _read_extended(path)
    for override in overrides:
        _apply(values, override)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise InputError(_explain(path, error, of=kind)) from None


def read_catalog(path: Path) -> dict[str, CorpusParams]:
    """Read a catalog: a YAML file, or a folder of them.

    Raises:
        InputError: as `read_experiment`, and for a corpus that two files name.
    """
    values = _read_included(path)
    try:
        return TypeAdapter(dict[str, CorpusParams]).validate_python(values)
    except ValidationError as error:
        raise InputError(_explain(path, error, inside="corpora")) from None


def read_backbone(path: Path) -> BackboneParams:
    """Read the file of a backbone.

    Raises:
        InputError: for a missing or malformed file, or any value that does not fit.
    """
    try:
        return BackboneParams.model_validate(_read_yaml(path))
    except ValidationError as error:
        raise InputError(_explain(path, error, inside="backbone")) from None


def _read_extended(path: Path, *, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read a file over the one that it extends, with what both include."""
    if path.resolve() in seen:
        raise InputError(f"{path}: extends itself")
    values = _read_yaml(path)
    for key in INCLUDES:
        if isinstance(values.get(key), str):
            values[key] = _read_included(path.parent / values[key])
    base = values.pop(EXTENDS, None)
    if base is None:
        return values
    below = _read_extended(path.parent / str(base), seen=(*seen, path.resolve()))
    return {**_laid_over(below, values), **{k: values[k] for k in INCLUDES if k in values}}


def _laid_over(below: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in values.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _laid_over(merged[key], value) if both else value
    return merged


def _read_included(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        return _read_yaml(path)
    values: dict[str, Any] = {}
    for file in sorted(path.glob("*.yaml")):
        part = _read_yaml(file)
        if twice := values.keys() & part.keys():
            raise InputError(f"{file}: {', '.join(sorted(twice))}: also in another file of {path}")
        values |= part
    if not values:
        raise InputError(f"{path}: holds no YAML files")
    return values


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: must hold a mapping of keys to values")
    unshared: dict[str, Any] = _unshared(values)
    return unshared


def _unshared(value: Any) -> Any:
    """Copy what YAML aliases share, so that an override of one place changes only that place."""
    if isinstance(value, dict):
        return {key: _unshared(item) for key, item in value.items()}
    return [_unshared(item) for item in value] if isinstance(value, list) else value


def _apply(values: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    keys = path.split(".")
    if not equals or not all(keys):
        raise InputError(f"--set {override}: must have the form key.path=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError(f"--set {override}: {text!r} is not a YAML value") from None
    place: Any = values
    for depth, key in enumerate(keys[:-1]):
        if not isinstance(place.get(key), dict):
            known = ", ".join(str(name) for name in place)
            raise InputError(
                f"--set {override}: no section {'.'.join(keys[: depth + 1])!r}; there are: {known}"
            )
        place = place[key]
    place[keys[-1]] = value


def _explain(
    path: Path, error: ValidationError, *, of: type[Model] = Experiment, inside: str = ""
) -> str:
    """Return all faults in one line; `inside` is the key of an experiment that was validated."""
    lines = []
    for fault in error.errors(include_url=False):
        place = ".".join(str(part) for part in fault["loc"]) or "(whole file)"
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = f"unknown key; allowed: {', '.join(_fields_at(of, (*inside.split(), *fault['loc'][:-1])))}"
        elif fault["type"] != "value_error" and not isinstance(fault["input"], dict):
            message += f", got {fault['input']!r}"
        lines.append(f"{path}: {place}: {message}")
    return "; ".join(lines)


def _fields_at(of: type[Model], loc: tuple[int | str, ...]) -> list[str]:
    """Return the names of the fields of the model at a place of a validation error."""
    schema: dict[str, Any] = of.model_json_schema()
    definitions = schema["$defs"]
    place = schema
    for part in loc:
        place = _resolve(place, definitions)
        if "properties" in place and part in place["properties"]:
            place = place["properties"][part]
        elif "discriminator" in place and part in place["discriminator"]["mapping"]:
            place = {"$ref": place["discriminator"]["mapping"][part]}
        elif isinstance(place.get("additionalProperties"), dict):
            place = place["additionalProperties"]
    return sorted(_resolve(place, definitions).get("properties", {}))


def _resolve(place: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in place:
        place = definitions[place["$ref"].rsplit("/", 1)[1]]
    return place


def check_file(path: Path) -> str:
    """Validate any file of params/ by the folder it stands in; return what it is.

    Raises:
        InputError: as `read_experiment`.
    """
    folders = path.absolute().parent.parts[-2:]
    if "corpora" in folders:
        read_catalog(path)
        return "catalog"
    if "devices" in folders:
        read_profile(path)
        return "device"
    if "costs" in folders:
        return _check_costs(path)
    if "models" in folders:
        read_backbone(path)
        return "backbone"
    if "champion" in _read_extended(path):
        read_reevaluation(path, overrides=[])
        return "re-evaluation"
    read_experiment(path, overrides=[])
    return "experiment"


def _check_costs(path: Path) -> str:
    if path.name == ENERGY.name:
        read_energy(path)
        return "energy"
    read_lengths(path)
    return "lengths"
