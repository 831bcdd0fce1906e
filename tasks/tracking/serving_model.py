"""The model that `mlflow models serve` runs: MLflow executes this file (models from code, no pickle).

A request has texts in the column `text` and entity types in the parameter `types`:

    {"dataframe_records": [{"text": "Ada was born in London."}], "params": {"types": ["person"]}}

and gets {"predictions": [{"entities": [{"start": 0, "end": 3, "label": "person", …}]}]}. Faults of a
request are answered with status 400 and one clear line.

`tasks.tracking.pyfunc` gives MLflow the path of this file; it is not imported otherwise.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel, PythonModelContext, scoring_server

import gner_core
from gner_core.errors import InputError
from gner_core.store.artifacts import ArtifactRef, Store
from tasks.paths import home_folder

CHECKPOINT = "checkpoint"
"""Name of the artifact that holds the weights, or of the value that says where they are."""


class EntityModel(PythonModel):
    """Finds entities in the texts of a request."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the checkpoint once, when the server starts."""
        beams = int(context.model_config["beams"])
        given = context.artifacts or {}
        folder = given.get(CHECKPOINT) or stored(context.model_config[CHECKPOINT])
        self.model = gner_core.load(folder, beams=beams)
        self.lock = threading.Lock()  # the server answers requests on several threads
        scoring_server.invocations = refusing(scoring_server.invocations)

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 (the signature is MLflow's)
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Return the entities of every row.

        Raises:
            MlflowException: for a request that is at fault; the server answers with status 400.
        """
        texts, types = model_input["text"].tolist(), list((params or {}).get("types", ()))
        if not all(isinstance(text, str) for text in texts):
            raise MlflowException.invalid_parameter_value("the column text holds more than texts")
        try:
            with self.lock:
                found = self.model.predict(texts, types)
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        return [{"entities": [entity.values() for entity in entities]} for entities in found]


def stored(where: str) -> Path:
    """Return the folder of a checkpoint that is kept elsewhere: in a folder, or in a remote store."""
    if "://" not in where:
        return Path(where)
    store, step, key = where.rsplit("/", 2)
    return Store(store, scratch=home_folder() / "work").fetch(ArtifactRef(step, key))


def refusing(answer: Callable[..., Any]) -> Callable[..., Any]:
    """Return MLflow's function for requests, which answers two faults with 4xx instead of 500.

    They are a missing content type, and JSON that is nested too deep to be read.
    """

    def answered(data: Any, content_type: str | None, *rest: Any) -> Any:
        refusal = scoring_server.InvocationsResponse
        if not content_type:
            return refusal("the header content-type is missing", 415, "text/plain")
        try:
            return answer(data, content_type, *rest)
        except RecursionError:
            return refusal("the request is nested too deep to be read", 400, "text/plain")

    return answered


mlflow.models.set_model(EntityModel())
