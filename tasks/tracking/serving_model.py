"""The model that `mlflow models serve` runs: MLflow executes this file (models from code, no pickle).

A request has texts in the column `text`, entity types in the parameter `types` (without them, the
model looks for those that it was trained on last), and in the parameter `threshold` the least
confidence of an entity that is kept (without it, all are):

    {"dataframe_records": [{"text": "Ada was born in London."}],
     "params": {"types": ["person"], "threshold": 0.5}}

It gets {"predictions": [{"entities": [{"start": 0, "end": 3, "label": "person", …}]}]}. Faults of a
request are answered with status 400 and one clear line.

`tasks.tracking.pyfunc` gives MLflow the path of this file; it is not imported otherwise.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel, PythonModelContext, scoring_server

import gner_core
from gner_core.config.checkpoint import Description
from gner_core.errors import InputError
from gner_core.predicting.entities import checked_types
from gner_core.predicting.requests import least_confidences
from gner_core.store.artifacts import ArtifactRef, Store
from gner_core.strict import JSON
from tasks.paths import home_folder

CHECKPOINT, ABOUT = "checkpoint", "about"
"""Names of the artifact that holds the weights, or of the value that says where they are, and of the
value that says what a checkpoint is which has no gner.json."""
PARAMS, TYPES, THRESHOLD, TEXT = "params", "types", "threshold", "text"
"""Keys of a request, and its column."""


class EntityModel(PythonModel):
    """Finds entities in the texts of a request."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the checkpoint once, when the server starts."""
        beams = int(context.model_config["beams"])
        given = context.artifacts or {}
        folder = given.get(CHECKPOINT) or stored(context.model_config[CHECKPOINT])
        said = context.model_config.get(ABOUT)
        about = with_files(Description.model_validate_json(said), given) if said else None
        self.model = gner_core.load(folder, beams=beams, about=about)
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
        given = params or {}
        texts, types = model_input[TEXT].tolist(), list(given.get(TYPES, ()))
        threshold = float(given.get(THRESHOLD, 0)) or None  # 0 keeps all, also what has none
        try:
            _refuse_other_than_texts(texts)
            with self.lock:
                found = self.model.predict(texts, types or None, threshold=threshold)
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        return [{"entities": [entity.to_dict() for entity in entities]} for entities in found]


def with_files(about: Description, given: Mapping[str, str]) -> Description:
    """Return a description whose system names its files where they lie with the model."""
    if about.system is None:
        return about
    files = {name: given[name] for name in about.system.FILES if name in given}
    return about.model_copy(update={"system": about.system.model_copy(update=files)})


def _refuse_other_than_texts(texts: Sequence[Any]) -> None:
    for number, text in enumerate(texts, start=1):
        if isinstance(text, str):
            continue
        if pd.api.types.is_scalar(text) and pd.isna(text):
            raise InputError(f"row {number}: text is null; give a text, empty where there is none")
        raise InputError(f"row {number}: text is {_kind(text)}; give a text")


def stored(where: str) -> Path:
    """Return the folder of a checkpoint that is kept elsewhere: in a folder, or in a remote store."""
    if "://" not in where:
        return Path(where)
    store, step, key = where.rsplit("/", 2)
    return Store(store, scratch=home_folder() / "work").fetch(ArtifactRef(step, key))


def _kind(value: object) -> str:
    kinds = {
        type(None): "null",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
    }
    return kinds.get(type(value), "an object")


def refusing(answer: Callable[..., Any]) -> Callable[..., Any]:
    """Return MLflow's function for requests, which refuses with 4xx what MLflow does not.

    That is a missing content type, JSON that is nested too deep to be read (it answers with 500),
    unknown parameters (it ignores them), types that are none, and rows without a text: of `inputs`
    and `instances` it makes texts of null and numbers, and elsewhere it names no row.
    """

    def answered(data: Any, content_type: str | None, *rest: Any) -> Any:
        refusal = scoring_server.InvocationsResponse
        if not content_type:
            return refusal("the header content-type is missing", 415, "text/plain")
        try:
            if "json" in content_type:
                _check(data)
            return answer(data, content_type, *rest)
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        except RecursionError:
            return refusal("the request is nested too deep to be read", 400, "text/plain")

    return answered


def _check(data: str | bytes) -> None:
    """Check what MLflow lets pass or does not name; it finds other faults.

    Raises:
        InputError: for an unknown key or parameter, types that are none, a row without a text.
    """
    try:
        request = JSON.decode(data.decode() if isinstance(data, bytes) else data)
    except (json.JSONDecodeError, UnicodeDecodeError):  # which MLflow explains
        return
    except ValueError as error:
        raise InputError(f"the request: {error}") from None
    if not isinstance(request, dict):
        return
    _refuse_unknown("key", request, {*scoring_server.SUPPORTED_FORMATS, PARAMS})
    params = request.get(PARAMS)
    if isinstance(params, dict):
        _check_params(params)
    for form in (scoring_server.DF_RECORDS, scoring_server.INSTANCES, scoring_server.INPUTS):
        rows = request.get(form)
        _refuse_other_than_texts(_texts(rows, of_objects=form == scoring_server.DF_RECORDS))


def _check_params(params: dict[str, Any]) -> None:
    _refuse_unknown("parameter", params, {TYPES, THRESHOLD})
    types, threshold = params.get(TYPES, []), params.get(THRESHOLD, 0)
    if types != []:
        checked_types(types)
    if isinstance(threshold, dict):
        raise InputError("threshold is an object; give one number for all types")
    if threshold is None:
        raise InputError("threshold is null; give a number from 0 to 1, or leave it out")
    least_confidences(threshold, types)


def _refuse_unknown(what: str, found: Mapping[str, Any], known: Iterable[str]) -> None:
    if unknown := sorted({*found} - {*known}):
        raise InputError(f"unknown {what} {unknown[0]!r}; known: {', '.join(sorted(known))}")


def _texts(rows: Any, *, of_objects: bool) -> list[Any]:
    """Return what stands for texts in a request; MLflow refuses one without the column of texts.

    Args:
        of_objects: whether every row must be an object.
    """
    if isinstance(rows, dict) and TEXT in rows:
        return list(rows[TEXT]) if isinstance(rows[TEXT], list) else [rows[TEXT]]
    if not isinstance(rows, list):
        return []
    for number, row in enumerate(rows, start=1):
        if of_objects and not isinstance(row, dict):
            raise InputError(f"row {number} is {_kind(row)}; give an object with a {TEXT!r}")
    if any(isinstance(row, dict) and TEXT not in row for row in rows):
        return []
    values = [row[TEXT] if isinstance(row, dict) else row for row in rows]
    return [one[0] if isinstance(one, list) and len(one) == 1 else one for one in values]


mlflow.models.set_model(EntityModel())
