"""Logs a checkpoint to MLflow as a model that it can serve: `tasks.tracking.serving_model`."""

import warnings
from importlib.metadata import version
from pathlib import Path

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
    signature = ModelSignature(
        inputs=Schema([ColSpec(DataType.string, "text")]),
        outputs=Schema([ColSpec(AnyType(), "entities")]),
        params=ParamSchema([ParamSpec("types", DataType.string, [], shape=(-1,))]),
    )
    mlflow.set_tracking_uri(store.uri)
    try:
        mlflow.set_experiment(experiment_id=store.experiment)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*An input example was not provided")  # it would
            logged = mlflow.pyfunc.log_model(  # be predicted here, and load the model
                name=name,
                python_model=str(SERVING_MODEL),
                artifacts={"checkpoint": str(checkpoint.absolute())},
                signature=signature,
                model_config={"beams": beams},
                pip_requirements=[f"gner=={version('gner')}"],
            )
    except MlflowException as error:
        raise InputError(
            f"{store.uri}: the model cannot be logged ({str(error).strip().splitlines()[0][:200]})"
        ) from None
    return str(logged.model_uri), store.uri
