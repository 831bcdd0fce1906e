"""The environment of GLiNER: a virtual environment of its own, with exact versions of everything.

gliner allows only releases of transformers that gner does not use, so the two cannot share one. It
has its own torch, too: an environment that borrowed ours would find the rest of our packages on
its path as well, and change with them.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gner_core.errors import InputError
from gner_core.runtime.files import read_json, write_file
from gner_core.runtime.locks import file_lock
from gner_core.systems.gliner.process import Child

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
SCRIPT = Path(__file__).with_name("child.py")
INSTALLED = "installed.json"
"""In the environment, once it is complete: what it was made from, and what it said of itself."""
NOT_OURS = ("PIP_CONSTRAINT", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PYTHONPATH", "PYTHONHOME")
"""Settings of pip and Python that are meant for another environment."""
SHOWN_LINES = 5
State = Literal["installed", "outdated", "missing"]


class Found(NamedTuple):
    """What is known of the environment on this machine."""

    folder: Path
    state: State
    facts: dict[str, str]
    """Versions and the device; empty where it is missing."""


def environment_of(home: Path) -> Path:
    """Return the folder of the environment; it need not exist.

    Args:
        home: the folder of GNER_HOME.
    """
    return home / "systems" / "gliner"


def look(home: Path) -> Found:
    """Return whether the environment is complete, and made from the present requirements."""
    folder = environment_of(home)
    try:
        noted: dict[str, Any] = read_json(folder / INSTALLED)
    except FileNotFoundError:
        return Found(folder, "missing", {})
    state: State = "installed" if noted["made_from"] == _made_from() else "outdated"
    return Found(folder, state, noted["facts"])


def installed(home: Path) -> Path:
    """Return the folder of the environment.

    Raises:
        InputError: where it is missing, or was made from other requirements.
    """
    found = look(home)
    if found.state != "installed":
        reason = "is not installed" if found.state == "missing" else "is of another version of gner"
        raise InputError(f"GLiNER {reason} in {found.folder}; run: gner systems install gliner")
    return found.folder


def install(home: Path, *, index: str | None, say: Callable[[str], object]) -> Found:
    """Make the environment, or finish what an earlier attempt has begun; a complete one is left.

    Until it is complete it does not count as installed. Finished packages are not installed again.

    Args:
        index: URL of another package index, beside those of pip's own settings.
        say: called with what happens, a line each.

    Raises:
        InputError: where Python or pip fails, with the end of what it said.
    """
    folder = environment_of(home)
    with file_lock(folder.with_suffix(".lock"), on_wait=lambda: say("another process installs it")):
        found = look(home)
        if found.state == "installed":
            return found
        (folder / INSTALLED).unlink(missing_ok=True)
        say(f"making {folder}")
        _run([sys.executable, "-m", "venv", str(folder)], "python -m venv")
        _forget_unfinished(folder)
        say("installing torch, transformers and gliner: some minutes, and 1.3 GB or more")
        extra = ["--extra-index-url", index] if index else []
        pip = [str(_python(folder)), "-m", "pip", "install", "--disable-pip-version-check"]
        _run([*pip, "--requirement", str(REQUIREMENTS), *extra], "pip")
        with Child(command(folder)) as child:
            facts = {name: str(value) for name, value in child.hello.items() if name != "ok"}
        noted = {"made_from": _made_from(), "facts": facts}
        write_file(folder / INSTALLED, json.dumps(noted, indent=1))
        return look(home)


def command(folder: Path) -> list[str]:
    """Return how the child process is started."""
    return [str(_python(folder)), str(SCRIPT)]


def identity() -> str:
    """Return what answers depend on beside weights and settings, for keys: the requirements."""
    return hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()


def _made_from() -> dict[str, str]:
    return {"requirements": identity(), "python": f"{sys.version_info[0]}.{sys.version_info[1]}"}


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _forget_unfinished(folder: Path) -> None:
    """Delete the records of packages that pip was writing when it was killed.

    It writes INSTALLER when all files of a package are there. Without their record it installs
    them again.
    """
    for record in folder.glob("lib/python*/site-packages/*.dist-info"):
        if not (record / "INSTALLER").exists():
            shutil.rmtree(record)


def _run(arguments: list[str], what: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        faults = [line for line in lines if line.startswith("ERROR")] or lines[-SHOWN_LINES:]
        said = "\n".join(faults[:SHOWN_LINES])
        raise InputError(
            f"{what} failed with code {done.returncode}; run it again to go on:\n{said}"
        )
