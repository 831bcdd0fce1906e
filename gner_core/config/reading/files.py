"""Reads an experiment file: YAML, with other files included and values overridden.

A text at `backbone`, `corpora` or `scoring` is the path of another YAML file, relative to the one
it stands in; a catalog may also be a folder of YAML files. Overrides come last: `decode.beams=4`,
values written as in YAML.

With `extends: other.yaml` a file holds only what differs from another one; sections are merged,
but what can be included counts as a whole.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from gner_core.config.backbone import BackboneParams
from gner_core.config.corpus import CorpusParams
from gner_core.config.experiment import Experiment
from gner_core.config.reevaluation import Reevaluation
from gner_core.config.scoring import ScoringParams
from gner_core.errors import InputError
from gner_core.strict import StrictModel

INCLUDES = ("backbone", "corpora", "scoring")
SCORING = Path(__file__).parents[3] / "params" / "scoring.yaml"
"""How predictions are scored without an experiment."""
EXTENDS = "extends"
M = TypeVar("M", bound=StrictModel)


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
    values = read_values(path)
    for override in overrides:
        apply_override(values, override)
    return validated(kind, values, path)


def read_values(path: Path) -> dict[str, Any]:
    """Read the values of a file with all that it extends and includes; nothing is checked yet.

    Raises:
        InputError: for a missing or malformed file.
    """
    return _read_extended(path)


def validated(kind: type[M], values: Mapping[str, Any], place: Path | str) -> M:
    """Return the params that hold the values of a file.

    Args:
        place: the file, and where in it, for messages.

    Raises:
        InputError: that names all faults at once.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise InputError(_explain(place, error, of=kind)) from None


def read_catalog(path: Path) -> dict[str, CorpusParams]:
    """Read a catalog: a YAML file, or a folder of them.

    Raises:
        InputError: as `read_experiment`, and for a corpus that two files name.
    """
    return validated_catalog(read_included(path), path)


def validated_catalog(values: Mapping[str, Any], place: Path | str) -> dict[str, CorpusParams]:
    """Return the corpora that the values of a catalog hold, as `validated` does."""
    try:
        return TypeAdapter(dict[str, CorpusParams]).validate_python(values)
    except ValidationError as error:
        raise InputError(_explain(place, error, inside="corpora")) from None


def read_backbone(path: Path) -> BackboneParams:
    """Read the file of a backbone.

    Raises:
        InputError: for a missing or malformed file, or any value that does not fit.
    """
    try:
        return BackboneParams.model_validate(read_yaml(path))
    except ValidationError as error:
        raise InputError(_explain(path, error, inside="backbone")) from None


def read_scoring(path: Path) -> ScoringParams:
    """Read a file of scoring params.

    Raises:
        InputError: for a missing or malformed file, or any value that does not fit.
    """
    return validated(ScoringParams, read_yaml(path), path)


def _read_extended(path: Path, *, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read a file over the one that it extends, with what both include."""
    if path.resolve() in seen:
        raise InputError(f"{path}: extends itself")
    values = read_yaml(path)
    for key in INCLUDES:
        if isinstance(values.get(key), str):
            values[key] = read_included(path.parent / values[key])
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


def read_included(path: Path) -> dict[str, Any]:
    """Read what a key of `INCLUDES` names: a YAML file, or a folder of them."""
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
    unshared: dict[str, Any] = _unshared(values)
    return unshared


def _unshared(value: Any) -> Any:
    """Copy what YAML aliases share, so that an override of one place changes only that place."""
    if isinstance(value, dict):
        return {key: _unshared(item) for key, item in value.items()}
    return [_unshared(item) for item in value] if isinstance(value, list) else value


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
        where: who asks for it, for messages.

    Raises:
        InputError: for an empty key, or a section that is not there.
    """
    keys = path.split(".")
    if not all(keys):
        raise InputError(f"{where}: must have the form key.path=value")
    place: Any = values
    for depth, key in enumerate(keys[:-1]):
        if not isinstance(place.get(key), dict):
            known = ", ".join(str(name) for name in place)
            raise InputError(
                f"{where}: no section {'.'.join(keys[: depth + 1])!r}; there are: {known}"
            )
        place = place[key]
    place[keys[-1]] = value


def _explain(
    path: Path | str,
    error: ValidationError,
    *,
    of: type[StrictModel] = Experiment,
    inside: str = "",
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


def _fields_at(of: type[StrictModel], loc: tuple[int | str, ...]) -> list[str]:
    """Return the names of the fields of the model at a place of a validation error."""
    schema: dict[str, Any] = of.model_json_schema()
    definitions = schema.get("$defs", {})
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
    while "$ref" in place or "anyOf" in place:
        if "$ref" in place:
            place = definitions[place["$ref"].rsplit("/", 1)[1]]
        else:  # a section that may be null, else none
            sections = [one for one in place["anyOf"] if "$ref" in one]
            place = sections[0] if len(sections) == 1 else {}
    return place
