"""A checkpoint logged to MLflow answers HTTP requests; whatever a request holds, never with 500."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import mlflow
import pytest
from fastapi.testclient import TestClient
from mlflow.pyfunc import scoring_server

from gner_core.backbones.importing import import_backbone
from gner_core.config.checkpoint import VERSION, Description, describe
from gner_core.errors import InputError
from gner_core.systems.gner.prompts import INSTRUCTION
from gner_core.systems.gner.targets import BIO
from tasks.tracking.pyfunc import log_pyfunc
from tests.gner_core.conftest import backbone

JSON = {"content-type": "application/json"}
TEXT = "Ada\tLovelace 👨‍👩‍👧‍👦 東京 E\u0301mile."
TYPES = {"types": ["person", "city, or (x)"]}


def records(*rows: Any, **params: Any) -> bytes:
    body = {"dataframe_records": list(rows), "params": {**TYPES, **params}}
    return json.dumps(body).encode()


GOOD = [
    records({"text": TEXT}),
    records({"text": ""}, {"text": "a"}),
    json.dumps({"dataframe_split": {"columns": ["text"], "data": [[TEXT]]}, "params": TYPES}).encode(),
    json.dumps({"inputs": ["Ada", "waves"], "params": TYPES}).encode(),
    json.dumps({"instances": [{"text": "Ada"}], "params": TYPES}).encode(),
]  # fmt: skip
BAD_BODIES = [
    records({"text": TEXT}, types=[]),
    records({"text": TEXT}, types=["a", " A "]),
    records({"text": TEXT}, types=[" "]),
    records({"text": TEXT}, types="person"),
    records({"text": TEXT}, types=[1]),
    records({"text": TEXT}, types=[None]),
    records({"text": TEXT}, types=[["a"]]),
    records({"text": TEXT}, threshold=1.5),
    records({"text": TEXT}, threshold="0.5"),
    records({"text": TEXT}, threshold=None),
    records({"text": TEXT}, threshold=[0.5]),
    records({"text": TEXT}, threshold={"person": 0.5}),
    records({"text": TEXT}, threshold=True),
    records({"text": TEXT}, types=[f"type {n}" for n in range(2000)]),
    records({"text": "x" * 9000}),
    records({"text": None}),
    records({"text": 5}),
    records({"text": ["a", "b"]}),
    records({"text": {"a": 1}}),
    records({"texts": "a"}),
    records({"text": "a"}, {"text": None}),
    records({"text": "a \ud83d b"}),
    records({"text": "a"}, typs=["person"]),
    records("a"),
    records({"text": "a"}, None),
    records(),
    *(
        json.dumps({form: given, "params": TYPES}).encode()
        for form in ("inputs", "instances")
        for given in (["a", None], ["a", 5], [{"text": "a"}, {"text": None}], [["a"], [None]])
    ),
    json.dumps({"inputs": {"text": ["a", None]}, "params": TYPES}).encode(),
    json.dumps({"dataframe_records": [{"text": "a"}]}).encode(),
    json.dumps({"dataframe_records": [{"text": "a"}], "params": 5}).encode(),
    json.dumps({"dataframe_split": {"columns": ["text"], "data": [["a", "b"]]}}).encode(),
    json.dumps({"inputs": None, "params": TYPES}).encode(),
    *(b"", b"{", b"[]", b"5", b"null", b"\xff\xfe", b"{}", b'{"dataframe_records": NaN}'),
    b"[" * 100_000,
    b'{"inputs": ["a"], "inputs": ["b"], "params": {"types": ["a"]}}',
    b'{"inputs": ["a"], "params": {"types": ["a"], "threshold": 0, "threshold": 1}}',
]
BAD_TYPES: list[dict[str, str]] = [
    {},
    {"content-type": ""},
    {"content-type": "text/plain"},
    {"content-type": "text/csv"},
    {"content-type": "application/json; charset=latin1"},
    {"content-type": "application/vnd.apache.parquet"},
]
BAD = [*((body, JSON) for body in BAD_BODIES), *((GOOD[0], headers) for headers in BAD_TYPES)]


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A tiny random model in an MLflow of its own: the model's URI and MLflow's."""
    folder, home = tmp_path_factory.mktemp("checkpoint"), tmp_path_factory.mktemp("home")
    params = backbone("encoder_decoder")
    import_backbone(params, folder=folder, texts=[INSTRUCTION * 9])
    about = Description(version=VERSION, backbone=params, target=BIO, types=())
    describe(folder, about)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "")  # MLflow sets it itself, too
        yield log_pyfunc(folder, about, name="tiny", beams=1, home=home)
        mlflow.set_tracking_uri("")


def test_requests_get_entities_or_one_clear_line(
    logged: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring_server, "invocations", scoring_server.invocations)  # put back
    monkeypatch.setenv("MLFLOW_TRACKING_URI", logged[1])
    model = mlflow.pyfunc.load_model(logged[0])
    client = TestClient(scoring_server.init(model), raise_server_exceptions=False)

    def post(body: bytes, headers: dict[str, str]) -> httpx.Response:
        return client.post("/invocations", content=body, headers=headers)

    for body in GOOD:
        answer = post(body, JSON)
        assert answer.status_code == 200, answer.text
        for row in answer.json()["predictions"]:
            for e in row["entities"]:
                assert e["text"] in TEXT[e["start"] : e["end"]] or e["text"] in (
                    "Ada",
                    "waves",
                    "a",
                )
    for threshold, some in ((0, True), (1, False), (1.0, False)):
        (row,) = post(records({"text": TEXT * 9}, threshold=threshold), JSON).json()["predictions"]
        assert bool(row["entities"]) is some
    by_type = post(records({"text": "a"}, threshold={"person": 0.5}), JSON).json()["message"]
    assert by_type == "threshold is an object; give one number for all types"
    codes = {body[:60]: post(body, headers).status_code for body, headers in BAD}
    assert all(400 <= code < 500 for code in codes.values()), codes
    assert "no types; name at least one" in post(BAD_BODIES[0], JSON).json()["message"]
    for value, kind in (
        (None, "null"),
        (5, "a number"),
        (["a"], "a list"),
        (True, "true or false"),
    ):
        said = post(records({"text": "a"}, {"text": value}), JSON)
        assert f"row 2: text is {kind}; give a text" in said.text
        assert f"row 1: text is {kind}; give a text" in post(records({"text": value}), JSON).text
    table = {"columns": ["text"], "data": [["a"], [None]]}
    body = json.dumps({"dataframe_split": table, "params": TYPES}).encode()
    assert "row 2: text is null; give a text, empty where there is none" in post(body, JSON).text
    for rows in (["a", None], [{"text": "a"}, {"text": None}], {"text": ["a", None]}):
        body = json.dumps({"inputs": rows, "params": TYPES}).encode()
        assert "row 2: text is null" in post(body, JSON).json()["message"]
    for value, kind in ((None, "null"), (5, "a number")):
        body = json.dumps({"inputs": {"text": value}, "params": TYPES}).encode()
        assert f"row 1: text is {kind}" in post(body, JSON).json()["message"]
    assert "row 2 is null" in post(records({"text": "a"}, None), JSON).json()["message"]
    one_text = post(records({"text": "a"}, types="person"), JSON).json()["message"]
    assert one_text == "types is one text, 'person'; give a list: ['person']"
    unknown = post(records({"text": "a"}, typs=["person"]), JSON)
    assert unknown.status_code == 400
    assert unknown.json()["message"] == "unknown parameter 'typs'; known: threshold, types"
    misspelled = post(
        json.dumps({"dataframe_records": [{"text": "a"}], "parms": TYPES}).encode(), JSON
    )
    assert misspelled.status_code == 400
    assert "unknown key 'parms'" in misspelled.text
    assert "content-type is missing" in post(GOOD[0], {}).text


def test_an_mlflow_that_cannot_be_reached_is_one_clear_line(
    logged: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    params = backbone("encoder_decoder")
    about = Description(version=VERSION, backbone=params, target=BIO, types=())
    with pytest.raises(InputError, match=r"http://127.0.0.1:9: the model cannot be logged"):
        log_pyfunc(tmp_path, about, name="tiny", beams=1, home=tmp_path)


@pytest.mark.slow
def test_two_hundred_requests_of_a_real_server_on_loopback(
    logged: tuple[str, str], root: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": logged[1], "PYTHONPATH": str(root)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "models", "serve", "-m", logged[0],
         "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)],
        env={**environment, "PATH": path},
        start_new_session=True,
    )  # fmt: skip
    try:
        place = f"http://127.0.0.1:{port}"
        _wait_for(f"{place}/ping")
        draw = random.Random(1)
        asked = [draw.choice([(draw.choice(GOOD), JSON), draw.choice(BAD)]) for _ in range(200)]

        def post(request: tuple[bytes, dict[str, str]]) -> int:
            body, headers = request
            return httpx.post(f"{place}/invocations", content=body, headers=headers, timeout=120).status_code  # fmt: skip

        with ThreadPoolExecutor(8) as threads:
            codes = list(threads.map(post, asked))
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    bad = [request in BAD for request in asked]
    sys.stdout.write(f"{Counter(zip(codes, bad, strict=True))}\n")
    assert all(400 <= code < 500 if wrong else code == 200 for code, wrong in zip(codes, bad, strict=True))  # fmt: skip


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            if httpx.get(address).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.5)
