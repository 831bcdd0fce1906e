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
    """Return the home folder as an absolute path; it need not exist yet."""
    return Path(os.environ.get("GNER_HOME") or ".gner").absolute()


def made_home() -> Path:
    """Return the home folder, which is made where it is missing.

    Raises:
        InputError: where it cannot be made or written.
    """
    home = home_folder()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            return home
    except OSError as error:
        given = os.environ.get("GNER_HOME") or f"(not set) {home}"
        raise InputError(
            f"GNER_HOME {given}: no folder ({error.strerror}); name one that can be written"
        ) from None


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
