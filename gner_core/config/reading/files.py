"""Reads the YAML files of params/, with other files included and values overridden.

A string at `backbone`, `corpora` or `scoring` is the path of another YAML file; a catalog may also
be a folder of YAML files. Paths in a file are relative to it, those in overrides to the working
directory. Overrides are applied last, with values written as in YAML: `decode.beams=4`.

With `extends: other.yaml` a file holds only what differs from another one. Sections are merged,
except a backbone and a catalog, which are replaced as a whole, and sections of another `kind`.
"""

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from gner_core.config.backbone import BackboneParams
from gner_core.config.corpus import CorpusParams
from gner_core.config.experiment import Experiment
from gner_core.config.reading.defaults import EVERY, added_keys, completed, defaults_of, merged
from gner_core.config.reading.faults import explain
from gner_core.config.reading.kinds import kind_of
from gner_core.config.reading.old_form import new_key, refuse_old_form
from gner_core.config.reading.plain_yaml import read_text
from gner_core.config.scoring import ScoringParams
from gner_core.config.systems.any import FILES
from gner_core.errors import InputError, did_you_mean
from gner_core.strict import StrictModel

WHOLE = ("backbone", "corpora")
"""Sections that a file which extends another one replaces as a whole."""
INCLUDES = (*WHOLE, "scoring")
PATHS = (
    ("data_root",),
    ("backbone", "source", "path"),
    ("stages", EVERY, "from", "checkpoint"),
    ("stages", EVERY, "from", "about"),
    ("tests", EVERY, "of", "checkpoint"),
    ("tests", EVERY, "of", "about"),
    ("scan", "folders", EVERY),
    ("scan", "foreign", EVERY, "about"),
    ("scan", "foreign", EVERY, "folder"),
    ("execution", "launcher", "config"),
    ("execution", "launcher", "hostfile"),
    *(("system", name) for name in FILES),
    *(("backbone", "system", name) for name in FILES),  # of a models file
    *(("tests", EVERY, "system", name) for name in FILES),
)
"""Keys whose values are paths."""
NO_PATHS = ("package", "cache")
EXTENDS = "extends"
Catalog = dict[str, CorpusParams]
Key = tuple[str, ...]
M = TypeVar("M", bound=StrictModel)
T = TypeVar("T")


def read_experiment(path: Path, *, overrides: Sequence[str]) -> Experiment:
    """Read an experiment file as `read_params`."""
    return read_params(Experiment, path, overrides=overrides)


def read_experiment_text(text: str, path: Path) -> Experiment:
    """Read the text of an experiment that is to be written to a path, as `read_experiment`."""
    values = located(read_text(text, str(path)), path.parent)
    return validated_with_defaults(Experiment, values, path, folder=path.parent)


def read_params(kind: type[M], path: Path, *, overrides: Sequence[str] = ()) -> M:
    """Read, complete and validate the file of a model.

    Raises:
        InputError: for a missing or malformed file, a bad override, or any value that does not
            fit; a line a fault.
    """
    values = read_values(path, at=("backbone",) if issubclass(kind, BackboneParams) else ())
    for override in overrides:
        apply_override(values, override, beneath=defaults_of(kind))
    return validated_with_defaults(kind, values, path, folder=path.parent)


def effective(path: Path, overrides: Sequence[str]) -> list[str]:
    """Return the overrides of an experiment that change something in its file or in the defaults.

    Of another kind of file, as a sweep, return all.

    Raises:
        InputError: for a file that cannot be read, and for a bad override.
    """
    base = read_values(path)
    if kind_of(base) != "experiment":
        return list(overrides)

    def changed_by(some: Sequence[str]) -> dict[str, Any]:
        values: dict[str, Any] = copied(base)
        for override in some:
            apply_override(values, override, beneath=defaults_of(Experiment))
        return completed(values, Experiment, folder=path.parent)

    left = list(overrides)
    for override in overrides:
        without = [one for one in left if one != override]
        if changed_by(without) == changed_by(left):
            left = without
    return left


def read_scoring(path: Path | None) -> ScoringParams:
    """Read how predictions are scored; without a file, the defaults of experiments."""
    if path is None:
        return ScoringParams.model_validate(defaults_of(Experiment)["scoring"])
    return read_params(ScoringParams, path)


def read_values(path: Path, *, at: Key = (), extending: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read the values of a file with all that it extends and includes, without validation.

    Args:
        at: key of the section that the file is.
        extending: files that extend it, which it must not extend itself.

    Raises:
        InputError: for a missing or malformed file, or one in the form of earlier versions.
    """
    if path.resolve() in extending:
        raise InputError(f"{path}: extends: extends itself")
    raw = read_yaml(path)
    if not at:
        refuse_old_form(raw, path)
    values: dict[str, Any] = located(raw, path.parent, at)
    base = values.pop(EXTENDS, None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise InputError(f"{path}: extends: must be the path of a file, got {base!r}")
    below = read_values(path.parent / base, extending=(*extending, path.resolve()))
    return {**merged(below, values), **{key: values[key] for key in WHOLE if key in values}}


def located(value: Any, folder: Path, key: Key = ()) -> Any:
    """Return a value with included files read, and paths that hold for the working directory.

    Args:
        folder: what paths are relative to.
        key: where the value stands.
    """
    if isinstance(value, dict):
        return {name: located(item, folder, (*key, str(name))) for name, item in value.items()}
    if isinstance(value, list):
        return [located(item, folder, (*key, EVERY)) for item in value]
    if not isinstance(value, str):
        return value
    if len(key) == 1 and key[0] in INCLUDES:
        return read_included(folder / value, key)
    if any(_matches(key, path) for path in PATHS):
        return _path(value, folder, key)
    return value


def _matches(key: Key, path: Key) -> bool:
    pairs = zip(key, path, strict=False)
    return len(key) == len(path) and all(part in (name, EVERY) for name, part in pairs)


def _path(value: str, folder: Path, key: Key) -> str:
    """Return a path that holds for the working directory; a step of the store is none."""
    if value in NO_PATHS:
        return value
    file = folder / Path(value).expanduser()
    if key[-1] == "checkpoint" and not file.exists() and not value.startswith((".", "/")):
        return value
    return os.path.normpath(file.absolute() if key[0] == "backbone" else file)


def validated_with_defaults(
    kind: type[M], values: Mapping[str, Any], where: Path | str, *, folder: Path
) -> M:
    """Return the values of a file in a folder, completed by the defaults, as params.

    Raises:
        InputError: as `validated`.
    """
    whole = completed(values, kind, folder=folder)
    return validated(kind, whole, where, defaulted=frozenset(added_keys(whole, values)))


def validated(
    kind: type[T],
    values: Mapping[str, Any],
    where: Path | str,
    *,
    defaulted: frozenset[str] = frozenset(),
) -> T:
    """Return the values of a file as params: a model, or a `Catalog`.

    Args:
        where: the file, or a part of it, for messages.
        defaulted: key paths of the values that are not from the file.

    Raises:
        InputError: with a line for each fault.
    """
    context = {"file": str(where), "defaulted": defaulted}
    try:
        return TypeAdapter(kind).validate_python(values, context=context)
    except ValidationError as error:
        raise InputError(explain(where, error, kind, values)) from None


def read_catalog(path: Path) -> Catalog:
    """Read a catalog: a YAML file, or a folder of them.

    Raises:
        InputError: as `read_params`, and for a corpus that two files name.
    """
    return validated(Catalog, read_included(path), path)


def read_included(path: Path, key: Key = ()) -> dict[str, Any]:
    """Read an included YAML file, or a folder of them.

    Args:
        key: of the section that it is.
    """
    if not path.is_dir():
        included: dict[str, Any] = located(read_yaml(path), path.parent, key)
        return included
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
        values = _parsed(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: must hold a mapping of keys to values")
    unshared: dict[str, Any] = copied(values)
    return unshared


@lru_cache(maxsize=512)
def _parsed(text: str, where: str) -> Any:
    """Parse a text once: every point of a sweep includes the same files. Do not change the value."""
    return read_text(text, where)


def copied(value: Any) -> Any:
    """Copy sections and lists, also those that YAML aliases share, so that none is changed twice."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def apply_override(values: dict[str, Any], override: str, *, beneath: Mapping[str, Any]) -> None:
    """Set one value in the form `key.path=value`, as written in YAML.

    Args:
        beneath: values that hold where `values` has none.

    Raises:
        InputError: for another form, or a section that is not there.
    """
    path, equals, text = override.partition("=")
    where = f"--set {override}"
    if not equals:
        raise InputError(f"{where}: must have the form key.path=value")
    assign(values, path, read_text(text, where), where=where, folder=Path(), beneath=beneath)


def assign(
    values: dict[str, Any],
    path: str,
    value: Any,
    *,
    where: str,
    folder: Path,
    beneath: Mapping[str, Any],
) -> None:
    """Set the value at a dotted key path.

    Args:
        where: the option or file that sets it, for messages.
        folder: what paths in it are relative to.
        beneath: values that hold where `values` has none.

    Raises:
        InputError: for an empty key, or a section that is not there.
    """
    keys = path.split(".")
    if not all(keys):
        raise InputError(f"{where}: must have the form key.path=value")
    section, lower = values, beneath
    for depth, key in enumerate(keys[:-1]):
        if isinstance(section.get(key), dict):
            lower = lower.get(key, lower.get(EVERY, {}))
        elif key not in section and isinstance(lower.get(key), Mapping):
            lower = lower[key]
            section[key] = {}
        else:
            known = [str(name) for name in {**section, **lower} if name != EVERY]
            hint = new_key(path) if depth == 0 else ""
            if {**lower, **section}.get(key) is not None:
                hint = "; it is a value"
            hint = hint or did_you_mean(key, known) or f"; there are: {', '.join(known)}"
            raise InputError(f"{where}: no section {'.'.join(keys[: depth + 1])!r}{hint}")
        section = section[key]
        lower = lower if isinstance(lower, Mapping) else {}
    section[keys[-1]] = located(value, folder, tuple(keys))
