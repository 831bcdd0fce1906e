"""Where a machine keeps its state: the home folder and the store.

GNER_HOME     local folder for scratch, fetched corpora, MLflow's embedded database, reports (.gner)
GNER_STORE    fsspec URL of the artifacts ($GNER_HOME/store)
GNER_OFFLINE  1: nothing is fetched, what is not in the cache is an error
"""

import os
import tempfile
from pathlib import Path

from gner_core.errors import InputError
from gner_core.store.artifacts import Store


def home_folder() -> Path:
    """Return the home folder as an absolute path; it need not exist yet.

    Raises:
        InputError: where a file stands in its place, or above it, or a sign of its path has a
            meaning in the address of MLflow's database.
    """
    home = Path(os.environ.get("GNER_HOME") or ".gner").absolute()
    if sign := next((sign for sign in "?%" if sign in str(home)), None):
        raise InputError(
            f"GNER_HOME {home}: holds {sign!r}, which addresses of databases read as something "
            "else; name another folder"
        )
    try:
        there = next(path for path in (home, *home.parents) if path.exists())
    except OSError as error:
        raise _no_folder(home, error.strerror) from None
    if not there.is_dir():
        raise _no_folder(home, "File exists" if there == home else "Not a directory")
    return home


def made_home() -> Path:
    """Return the home folder, which is made where it is missing.

    Raises:
        InputError: where it cannot be made or written.
    """
    home = home_folder()
    try:
        home.mkdir(parents=True, exist_ok=True)
        for name in ("work", "reports"):
            if os.path.lexists(home / name) and not (home / name).is_dir():
                raise _no_folder(home, f"{name} in it is a file, or a link to nothing")
        with tempfile.TemporaryFile(dir=home):
            return home
    except OSError as error:
        raise _no_folder(home, error.strerror) from None


def _no_folder(home: Path, reason: str | None) -> InputError:
    given = os.environ.get("GNER_HOME") or f"(not set) {home}"
    return InputError(f"GNER_HOME {given}: no folder ({reason}); name one that can be written")


def open_store() -> Store:
    """Open the artifact store of this machine."""
    home = home_folder()
    return Store(os.environ.get("GNER_STORE") or str(home / "store"), scratch=home / "work")


def corpora_cache() -> Path:
    """Return the folder of fetched corpora as an absolute path; it need not exist yet."""
    return home_folder() / "corpora"


def is_offline() -> bool:
    """Say whether the environment forbids fetching."""
    return os.environ.get("GNER_OFFLINE") == "1"
