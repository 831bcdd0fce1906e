"""Measurements of this machine, made once and kept in the user's cache folder.

What follows from a measurement must not differ from run to run, or results would, in their last
digits. The file may be deleted at any time; then it is measured anew.
"""

import hashlib
import json
import os
import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from gner_core.runtime.files import read_json, write_file
from gner_core.runtime.machine import processor


def measured(what: str, measure: Callable[[], Sequence[float]]) -> list[float]:
    """Return what was measured on this processor before, or measure it.

    Args:
        what: the thing measured, with everything on which the figures depend.
        measure: returns the figures.
    """
    about = f"{what}, {processor()}, {os.cpu_count()} cores, {platform.node()}"
    file = _folder() / f"{hashlib.sha256(about.encode()).hexdigest()[:16]}.json"
    with suppress(OSError, ValueError, KeyError):  # not there yet, or half of it
        known: list[float] = read_json(file)["figures"]
        return known
    figures = list(measure())
    with suppress(OSError):  # a home that cannot be written: the next process measures again
        file.parent.mkdir(parents=True, exist_ok=True)
        write_file(file, json.dumps({"about": about, "figures": figures}))
    return figures


def _folder() -> Path:
    caches = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(caches) / "gner"
