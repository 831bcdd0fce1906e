"""Where MLflow keeps runs and models, and which of its errors mean that it is away.

By default that is an SQLite file and a folder below the home folder; MLFLOW_TRACKING_URI names
another database or a server.

MLflow takes most of a second to import. It is imported inside functions, mostly in the thread of
the outbox, so that commands start at once.
"""

import logging
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from sqlite3 import OperationalError as SqliteError
from typing import TYPE_CHECKING

from gner_core.errors import InputError, without_credentials

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

EXPERIMENT = "gner"
DATABASE = "mlflow.db"
SQLITE_HEAD = b"SQLite format 3\0"
AWAY = (408, 429, 502, 503, 504)
"""HTTP statuses with which a server or a proxy says to try again later."""
PAGE = 1000
"""Runs of one answer."""

logging.getLogger("mlflow.store").setLevel(logging.WARNING)  # it tells of every new database


@dataclass(frozen=True)
class TrackingStore:
    """MLflow at one address, and gner's experiment there."""

    uri: str
    artifacts: str | None
    """The folder of artifacts; None where a server has its own."""

    @property
    def shown_uri(self) -> str:
        """The address without user and password."""
        return without_credentials(self.uri)

    @cached_property
    def client(self) -> "MlflowClient":
        """The client; an SQLite file is made on its first call."""
        from mlflow import MlflowClient

        return MlflowClient(self.uri)

    @cached_property
    def experiment(self) -> str:
        """The id of the experiment, which is made if need be."""
        found = self.client.get_experiment_by_name(EXPERIMENT)
        if found is None:
            # The tag lets the UI open the experiment as model training, not as GenAI traces.
            tags = {"mlflow.experimentKind": "custom_model_development"}
            return str(self.client.create_experiment(EXPERIMENT, self.artifacts, tags))
        return str(found.experiment_id)

    def runs(self, query: str) -> "list[Run]":
        """Return the runs that a query of MLflow finds, the latest first."""
        found: list[Run] = []
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment], query, max_results=PAGE, page_token=token
            )
            found += page
            if not (token := page.token):
                return found


def tracking_store(home: Path) -> TrackingStore:
    """Return the tracking store that this machine uses."""
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        return TrackingStore(uri, None)
    home.mkdir(parents=True, exist_ok=True)
    return own_store(home)


def known_store(home: Path) -> TrackingStore | None:
    """Return the tracking store that this machine uses, None where nothing was ever tracked."""
    if "MLFLOW_TRACKING_URI" in os.environ or (home / DATABASE).exists():
        return tracking_store(home)
    return None


def own_store(home: Path) -> TrackingStore:
    """Return the tracking store of the home folder: a database and a folder of artifacts.

    Before a server uses it, its `experiment` must exist: two processes that make the tables at once
    would fail, and an experiment that a server makes keeps its files where runs without that server
    cannot log any.

    Raises:
        InputError: when the database is something else, which MLflow would open again and again.
    """
    folder = home.absolute()
    _refuse_no_database(folder / DATABASE)
    return TrackingStore(f"sqlite:///{folder}/{DATABASE}", str(folder / "mlartifacts"))


def _refuse_no_database(file: Path) -> None:
    """Refuse what SQLite did not write; an empty file becomes a database."""
    try:
        with file.open("rb") as opened:
            head = opened.read(len(SQLITE_HEAD))
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); move it away") from None
    if head and head != SQLITE_HEAD:
        raise InputError(f"{file}: no database of SQLite; move it away, or restore it")


def is_of_mlflow(error: Exception) -> bool:
    """Say whether an error is one that MLflow's client or a read of its database raises."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import OperationalError

    return isinstance(error, (MlflowException, OSError, OperationalError, SqliteError))


def is_away(error: BaseException | None) -> bool:
    """Say whether an error, its cause or context means that the same call may succeed later."""
    import requests
    from sqlalchemy.exc import OperationalError

    faults = (ConnectionError, TimeoutError, OperationalError, SqliteError, requests.Timeout)
    broken = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
    while error is not None:
        if isinstance(error, (*faults, *broken)) or _status(error) in AWAY:
            return True
        error = error.__cause__ or error.__context__
    return False


def _status(error: BaseException) -> int | None:
    """Return the HTTP status of an error."""
    import requests
    from mlflow.exceptions import MlflowException

    if isinstance(error, MlflowException):
        return int(error.get_http_status_code())
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return int(error.response.status_code)
    if isinstance(error, requests.exceptions.RetryError):  # urllib3 keeps the status in words only
        said = re.search(r"too many (\d+) error responses", str(error))
        return int(said[1]) if said else None
    return None
