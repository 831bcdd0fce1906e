"""Reads the YAML files of params/, with other files included and values overridden.

A string at `backbone`, `corpora` or `scoring` is the path of another YAML file, relative to the
file that holds it; a catalog may also be a folder of YAML files. Overrides are applied last, with
values written as in YAML: `decode.beams=4`.

With `extends: other.yaml` a file holds only what differs from another one. Sections are merged,
except those that can be included, which are replaced as a whole.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from gner_core.config.corpus import CorpusParams
from gner_core.config.experiment import Experiment
from gner_core.errors import InputError
from gner_core.strict import StrictModel

INCLUDES = ("backbone", "corpora", "scoring")
SCORING = Path(__file__).parents[3] / "params" / "scoring.yaml"
"""How predictions are scored without an experiment."""
EXTENDS = "extends"
Catalog = dict[str, CorpusParams]
M = TypeVar("M", bound=StrictModel)
T = TypeVar("T")


def read_experiment(path: Path, *, overrides: Sequence[str]) -> Experiment:
    """Read an experiment file as `read_params`."""
    return read_params(Experiment, path, overrides=overrides)


def read_params(kind: type[M], path: Path, *, overrides: Sequence[str] = ()) -> M:
    """Read, complete and validate the file of a model.

    Raises:
        InputError: for a missing or malformed file, a bad override, or any value that does not
            fit; all faults of the values are named at once.
    """
    values = read_values(path)
    for override in overrides:
        apply_override(values, override)
    return validated(kind, values, path)


def read_values(path: Path, *, extending: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read the values of a file with all that it extends and includes, without validation.

    Args:
        extending: files that extend it, which it must not extend itself.

    Raises:
        InputError: for a missing or malformed file.
    """
    if path.resolve() in extending:
        raise InputError(f"{path}: extends itself")
    values = read_yaml(path)
    for key in INCLUDES:
        if isinstance(values.get(key), str):
            values[key] = read_included(path.parent / values[key])
    base = values.pop(EXTENDS, None)
    if base is None:
        return values
    below = read_values(path.parent / str(base), extending=(*extending, path.resolve()))
    return {**_merged(below, values), **{k: values[k] for k in INCLUDES if k in values}}


def validated(kind: type[T], values: Mapping[str, Any], where: Path | str) -> T:
    """Return the values of a file as params: a model, or a `Catalog`.

    Args:
        where: the file, or a part of it, for messages.

    Raises:
        InputError: that names all faults at once.
    """
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise InputError(_explain(where, error, kind)) from None


def read_catalog(path: Path) -> Catalog:
    """Read a catalog: a YAML file, or a folder of them.

    Raises:
        InputError: as `read_params`, and for a corpus that two files name.
    """
    return validated(Catalog, read_included(path), path)


def _merged(below: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in values.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def read_included(path: Path) -> dict[str, Any]:
    """Read an included YAML file, or a folder of them."""
    if not path.is_dir():
        return read_yaml(path)
    values: dict[str, Any] = {}
    for file in sorted(path.glob("*.yaml")):
        part = read_yaml(file)
        if twice := values.keys() & part.keys():
            raise InputError(f"{file}: {', '.join(sorted(twice))}: also in another file of {path}")
        values |= part
    if not values:
        raise InputError(f"{path}: holds no YAML files")
    return values


def read_yaml(path: Path) -> dict[str, Any]:
    """Read the mapping that a YAML file holds.

    Raises:
        InputError: for a missing or malformed file, or one that holds no mapping.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: must hold a mapping of keys to values")
    unshared: dict[str, Any] = copied(values)
    return unshared


def copied(value: Any) -> Any:
    """Copy sections and lists, also those that YAML aliases share, so that none is changed twice."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def apply_override(values: dict[str, Any], override: str) -> None:
    """Set one value in the form `key.path=value`, as written in YAML.

    Raises:
        InputError: for another form, or a section that is not there.
    """
    path, equals, text = override.partition("=")
    if not equals:
        raise InputError(f"--set {override}: must have the form key.path=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError(f"--set {override}: {text!r} is not a YAML value") from None
    assign(values, path, value, where=f"--set {override}")


def assign(values: dict[str, Any], path: str, value: Any, *, where: str) -> None:
    """Set the value at a dotted key path.

    Args:
        where: the option or file that sets it, for messages.

    Raises:
        InputError: for an empty key, or a section that is not there.
    """
    keys = path.split(".")
    if not all(keys):
        raise InputError(f"{where}: must have the form key.path=value")
    section: Any = values
    for depth, key in enumerate(keys[:-1]):
        if not isinstance(section.get(key), dict):
            known = ", ".join(str(name) for name in section)
            raise InputError(
                f"{where}: no section {'.'.join(keys[: depth + 1])!r}; there are: {known}"
            )
        section = section[key]
    section[keys[-1]] = value


def _explain(where: Path | str, error: ValidationError, kind: type) -> str:
    """Return all faults in one line."""
    lines = []
    for fault in error.errors(include_url=False):
        key = ".".join(str(part) for part in fault["loc"]) or "(whole file)"
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = f"unknown key; allowed: {', '.join(_fields_at(kind, fault['loc'][:-1]))}"
        elif fault["type"] != "value_error" and not isinstance(fault["input"], dict):
            message += f", got {fault['input']!r}"
        lines.append(f"{where}: {key}: {message}")
    return "; ".join(lines)


def _fields_at(kind: type, loc: tuple[int | str, ...]) -> list[str]:
    """Return the names of the fields of the model at the location of a validation error."""
    part: dict[str, Any] = TypeAdapter(kind).json_schema()
    definitions = part.get("$defs", {})
    for key in loc:
        part = _resolve(part, definitions)
        if "properties" in part and key in part["properties"]:
            part = part["properties"][key]
        elif "discriminator" in part and key in part["discriminator"]["mapping"]:
            part = {"$ref": part["discriminator"]["mapping"][key]}
        elif isinstance(part.get("additionalProperties"), dict):
            part = part["additionalProperties"]
    return sorted(_resolve(part, definitions).get("properties", {}))


def _resolve(part: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part or "anyOf" in part:
        if "$ref" in part:
            part = definitions[part["$ref"].rsplit("/", 1)[1]]
        else:  # a section that may be null, else none
            sections = [one for one in part["anyOf"] if "$ref" in one]
            part = sections[0] if len(sections) == 1 else {}
    return part
