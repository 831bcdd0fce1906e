"""Logs a checkpoint to MLflow as a model that it can serve: `tasks.tracking.serving_model`."""

import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType

from gner_core.config.checkpoint import Description
from gner_core.errors import InputError, first_line
from gner_core.predicting.loading.system import Predicting, servable_system
from tasks.tracking.server import tracking_store

ABOUT = "about"
"""Key of the configuration of a model under which its description stands, as JSON."""
SERVING_MODEL = Path(__file__).with_name("serving_model.py")


def log_pyfunc(
    checkpoint: Path, about: Description, *, name: str, beams: int, home: Path
) -> tuple[str, str]:
    """Log a checkpoint with its weights as a model that MLflow serves; return its and MLflow's URI.

    Args:
        about: what it is; it goes with the model, as do the files that its system names.

    Raises:
        InputError: for a checkpoint that cannot be served, and when MLflow cannot be reached or
            refuses the model.
    """
    if not name.strip():
        raise InputError("the name of the model is empty; name it with --name")
    system = servable_system(about, beams=beams, folder=checkpoint)
    store = tracking_store(home)
    mlflow.set_tracking_uri(store.uri)
    try:
        mlflow.set_experiment(experiment_id=store.experiment)
        with _without_example(), TemporaryDirectory(prefix="gner-log-") as scratch:
            files = _copied_files(system, Path(scratch))
            logged = mlflow.pyfunc.log_model(
                name=name,
                artifacts={"checkpoint": str(checkpoint.absolute()), **files},
                **_model({"beams": beams, ABOUT: about.model_dump_json()}),
            )
    except MlflowException as error:
        raise InputError(
            f"{store.shown_uri}: the model cannot be logged ({first_line(error)})"
        ) from None
    return str(logged.model_uri), store.shown_uri


def save_reference(folder: Path, *, where: str, about: Description | None) -> None:
    """Write the files of a model that reads its weights from where they are, without a copy.

    Args:
        about: what a foreign checkpoint is; None for one with a gner.json.
    """
    said = {ABOUT: about.model_dump_json()} if about else {}
    with _without_example():
        mlflow.pyfunc.save_model(folder, **_model({"beams": 1, "checkpoint": where, **said}))


def _copied_files(system: Predicting, folder: Path) -> dict[str, str]:
    """Copy the files that a system names under the names of its fields: MLflow keeps no folders."""
    copies = {}
    for name in system.FILES:
        if file := system.file_of(name):
            if not file.is_file():
                raise InputError(f"{file}: no such file; system.{name} names it")
            copies[name] = str(shutil.copyfile(file, folder / f"{name}{file.suffix}"))
    return copies


def _model(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what MLflow is told of every model of ours."""
    signature = ModelSignature(
        inputs=Schema([ColSpec(DataType.string, "text")]),
        outputs=Schema([ColSpec(AnyType(), "entities")]),
        params=ParamSchema(
            [
                ParamSpec("types", DataType.string, [], shape=(-1,)),
                ParamSpec("threshold", DataType.double, 0.0),
            ]
        ),
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
