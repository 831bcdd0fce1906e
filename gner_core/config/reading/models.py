"""Finds what a foreign checkpoint is: one that gner did not train, and that has no `gner.json`.

It is named by a models file, by a repository of the Hugging Face hub or by a folder. A models file
says what it is; that of a repository in params/models/released/ is found by the repository's name.
For others one is given, whose own source then does not count.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from gner_core.config.backbone import UNVERIFIED
from gner_core.config.checkpoint import DESCRIPTION
from gner_core.config.model_file import ModelFile
from gner_core.config.reading.defaults import defaults, merged
from gner_core.config.reading.files import read_values, read_yaml, validated
from gner_core.errors import InputError

RELEASED = Path(__file__).parents[3] / "params" / "models" / "released"
"""Models files of published checkpoints."""
ENDINGS = (".yaml", ".yml")
HUB_NAME = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*)(?:@(?P<revision>[\w./-]+))?")
"""Owner and name, as the hub allows them, and perhaps a commit."""
About = Path | Mapping[str, Any]
"""A models file, or fields of one."""


def read_model_file(path: Path) -> ModelFile:
    """Read a models file.

    Raises:
        InputError: for a missing or malformed file, and for any value that does not fit.
    """
    return _described({}, None, file=path, where=path)


def foreign_model(name: str, about: About | None = None) -> ModelFile | None:
    """Return what a foreign checkpoint is; None for a name that may be one of gner's own.

    Args:
        name: a models file, a folder, or a repository of the hub: OWNER/NAME or OWNER/NAME@COMMIT.
        about: what the checkpoint is, where no file says so; fields go over those of the file.

    Raises:
        InputError: when it is not known, or not wholly, what the checkpoint is.
    """
    if Path(name).is_dir():
        return _of_folder(Path(name), about)
    if name.endswith(ENDINGS):
        return _described({}, about, file=Path(name), where=name)
    found = HUB_NAME.fullmatch(name)
    if not found:
        _refuse_unused(f"{name}: a name of a checkpoint, whose gner.json says what it is", about)
        return None
    return _of_hub(found["repo"], found["revision"], about)


def _of_folder(folder: Path, about: About | None) -> ModelFile | None:
    if (folder / DESCRIPTION).is_file():
        _refuse_unused(f"{folder}: holds a {DESCRIPTION}, which says what it is", about)
        return None
    if about is None:
        raise unknown_checkpoint(f"{folder}: not a checkpoint of gner, it holds no {DESCRIPTION}")
    source = {"kind": "folder", "path": str(folder.absolute())}
    return _described({"source": source}, about, file=None, where=folder)


def _of_hub(repo: str, revision: str | None, about: About | None) -> ModelFile | None:
    file = released_file(repo)
    if file is None and about is None:
        return None
    source = {"kind": "hub", "repo": repo, "revision": revision or UNVERIFIED}
    if file is None or isinstance(about, Path):
        return _described({"source": source}, about, file=file, where=repo)
    model = _described({}, about, file=file, where=repo)
    if not revision:
        return model
    pinned = model.source.model_copy(update={"revision": revision})  # with all else that it says
    return model.model_copy(update={"source": pinned})


def unknown_checkpoint(fault: str) -> InputError:
    """Return an error that tells how to say what a foreign checkpoint is."""
    fields = ModelFile.model_fields.items()
    needed = [name for name, field in fields if field.is_required() and name != "source"]
    return InputError(
        f"{fault}, so that nothing says {', '.join(needed)} and system; give them in a models file: "
        "--about FILE (in an experiment `about:`), see params/models/released"
    )


def released_file(repo: str) -> Path | None:
    """Return the models file of a published checkpoint, by its repository of the hub."""
    return _released().get(repo.lower())


@cache
def _released() -> Mapping[str, Path]:
    return {repo.lower(): file for file, repo in _repositories()}


def _repositories() -> Iterator[tuple[Path, str]]:
    for file in sorted(RELEASED.glob("*.yaml")):
        yield file, read_yaml(file)["source"]["repo"]


def _described(
    given: Mapping[str, Any], about: About | None, *, file: Path | None, where: Path | str
) -> ModelFile:
    """Return a model by the values of its file, over them those of `about`, over them `given`."""
    file = about if isinstance(about, Path) else file
    values: Mapping[str, Any] = read_values(file, at=("backbone",)) if file else {}
    if isinstance(about, Mapping):
        values, where = merged(values, about), f"{where}: about"
    else:
        where = file or where
    return validated(ModelFile, {**_with_defaults(values), **given}, where)


def _with_defaults(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values of a models file with the defaults of its system beneath."""
    system = values.get("system")
    kind = system.get("kind") if isinstance(system, Mapping) else None
    below = defaults()["systems"].get(kind)
    return {**values, "system": merged(below["system"], system or {})} if below else values


def _refuse_unused(fault: str, about: About | None) -> None:
    if about is not None:
        raise InputError(f"{fault}; leave out what `about` says")
