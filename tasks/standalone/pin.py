"""Writes the commit of a model of the hub into its models file."""

import re
from pathlib import Path
from typing import NamedTuple

from gner_core.config.backbone import HubModel
from gner_core.config.reading.models import read_model_file
from gner_core.errors import InputError
from gner_core.hub import pinned
from gner_core.runtime.files import write_file


class Pinned(NamedTuple):
    """What was written."""

    repo: str
    before: str
    commit: str


def pin_file(file: Path) -> Pinned | None:
    """Write the newest commit into a models file, or that of the branch that it names.

    Returns:
        None where the file names a commit already.

    Raises:
        InputError: when the hub cannot be asked, or the file is not one of a model of the hub.
    """
    model = read_model_file(file)
    source = model.source
    if not isinstance(source, HubModel):
        raise InputError(
            f"{file}: source: of kind {source.kind}; only models of the hub have commits"
        )
    if source.is_pinned:
        return None
    found = pinned(model).source
    assert isinstance(found, HubModel)
    text = file.read_text(encoding="utf-8")
    line = re.compile(rf"(\brevision:\s*)(['\"]?){re.escape(source.revision)}\2(?=\s|[,}}]|$)")
    changed, times = line.subn(rf"\g<1>{found.revision}", text)
    if times != 1:
        raise InputError(f"{file}: source.revision: not found as text; write {found.revision}")
    write_file(file, changed)
    return Pinned(source.repo, source.revision, found.revision)
