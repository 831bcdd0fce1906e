"""Logs a checkpoint to MLflow as a model that it can serve: `tasks.tracking.serving_model`."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType

from gner_core.errors import InputError
from tasks.tracking.server import tracking_store

SERVING_MODEL = Path(__file__).with_name("serving_model.py")


def log_pyfunc(checkpoint: Path, *, name: str, beams: int, home: Path) -> tuple[str, str]:
    """Log a checkpoint with its weights as a model that MLflow serves; return its and MLflow's URI.

    Raises:
        InputError: when MLflow cannot be reached or refuses the model.
    """
    store = tracking_store(home)
    mlflow.set_tracking_uri(store.uri)
    try:
        mlflow.set_experiment(experiment_id=store.experiment)
        with _without_example():
            logged = mlflow.pyfunc.log_model(
                name=name,
                artifacts={"checkpoint": str(checkpoint.absolute())},
                **_model({"beams": beams}),
            )
    except MlflowException as error:
        raise InputError(
            f"{store.uri}: the model cannot be logged ({str(error).strip().splitlines()[0][:200]})"
        ) from None
    return str(logged.model_uri), store.uri


def save_reference(folder: Path, *, where: str) -> None:
    """Write the files of a model that reads its weights from where they are, without a copy."""
    with _without_example():
        mlflow.pyfunc.save_model(folder, **_model({"beams": 1, "checkpoint": where}))


def _model(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what MLflow is told of every model of ours."""
    signature = ModelSignature(
        inputs=Schema([ColSpec(DataType.string, "text")]),
        outputs=Schema([ColSpec(AnyType(), "entities")]),
        params=ParamSchema([ParamSpec("types", DataType.string, [], shape=(-1,))]),
    )
    return {
        "python_model": str(SERVING_MODEL),
        "signature": signature,
        "model_config": dict(config),
        "pip_requirements": [f"gner=={version('gner')}"],
    }


@contextmanager
def _without_example() -> Iterator[None]:
    """Do without an example of an input: it would be predicted here, and load the model."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*An input example was not provided")
        yield
