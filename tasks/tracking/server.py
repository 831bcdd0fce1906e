"""Where MLflow is: its address, its database in the home folder, gner's experiment; if it is away.

Default: an SQLite file and a folder below the home folder, no server. MLFLOW_TRACKING_URI is
honoured. What is logged there: `tasks.tracking.tracker`.

MLflow takes most of a second to import: here and in the other files that use it that is put off
until it is needed, mostly in the outbox' thread, so that commands start at once.
"""

import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "gner"
AWAY = (408, 429, 502, 503, 504)
"""Statuses of HTTP with which a server, or what stands before it, says to try again later."""

logging.getLogger("mlflow.store").setLevel(logging.WARNING)  # it tells of every new database


def tracking_uri(home: Path) -> tuple[str, str | None]:
    """Return MLflow's address, and the folder of artifacts where it is the one in the home folder."""
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if uri:
        return uri, None
    home.mkdir(parents=True, exist_ok=True)
    return own_database(home), own_artifacts(home)


def own_database(home: Path) -> str:
    """Return the address of the home folder's own database."""
    return f"sqlite:///{home.absolute()}/mlflow.db"


def own_artifacts(home: Path) -> str:
    """Return the folder of artifacts beside that database."""
    return str(home.absolute() / "mlartifacts")


def experiment_id(client: "MlflowClient", place: str | None) -> str:
    """Return the id of gner's experiment; it is created with `place` as its folder of artifacts."""
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        # The tag lets the UI open the experiment as model training, not as GenAI traces.
        tags = {"mlflow.experimentKind": "custom_model_development"}
        return str(client.create_experiment(EXPERIMENT, place, tags))
    return str(found.experiment_id)


def prepare_database(home: Path) -> None:
    """Have the home folder's own database with gner's experiment in it.

    Before a server uses it: two processes that make its tables at once would fail, and an
    experiment that a server makes keeps its files where runs without that server cannot log any.
    """
    from mlflow import MlflowClient

    home.mkdir(parents=True, exist_ok=True)
    experiment_id(MlflowClient(own_database(home)), own_artifacts(home))


def is_away(error: BaseException | None) -> bool:
    """Say whether MLflow does not answer, so that the same call may succeed later.

    What its client or its database raised may stand behind MLflow's own error, as its cause or
    context.
    """
    import requests
    from sqlalchemy.exc import OperationalError

    faults = (ConnectionError, TimeoutError, OperationalError, requests.Timeout)
    broken = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
    while error is not None:
        if isinstance(error, (*faults, *broken)) or _status(error) in AWAY:
            return True
        error = error.__cause__ or error.__context__
    return False


def _status(error: BaseException) -> int | None:
    """Return the status of HTTP that an error tells of."""
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
