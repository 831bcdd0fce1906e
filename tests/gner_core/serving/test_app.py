"""The server over HTTP: answers, refusals of one line, limits, tokens, clients that go away."""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from gner_core.predicting.entities import Entity
from gner_core.serving.app import PAGE
from tests.gner_core.serving.stub import StubFinder, served, stub_predictor

TEXT = "Ada 👩‍💻 met\tZoë in 東京."
JSON = {"content-type": "application/json"}
TOKEN = "a-token-of-a-test"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served(stub_predictor()) as (client, _):
        yield client


def predict(client: httpx.Client, *texts: str, **fields: Any) -> httpx.Response:
    return client.post("/v1/predict", json={"texts": list(texts), **fields})


def until_free(client: httpx.Client) -> None:
    deadline = time.monotonic() + 10
    while client.get("/health").json()["unfinished"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_answers_are_what_predict_returns(client: httpx.Client) -> None:
    texts, types = [TEXT, "", "nothing"], ["drug, or dose", "city"]
    answer = predict(client, *texts, types=types)
    wanted = stub_predictor().predict(texts, types)
    assert answer.status_code == 200
    assert answer.json()["faults"] == {}
    for line, text, entities in zip(answer.json()["predictions"], texts, wanted, strict=True):
        assert line == {"text": text, "entities": entities.to_dicts()}
    found = [Entity(**one) for one in answer.json()["predictions"][0]["entities"]]
    assert [TEXT[e.start : e.end] for e in found] == ["Ada", "👩‍💻", "Zoë", "東", "京"]


def test_thresholds_leave_out_what_is_less_sure(client: httpx.Client) -> None:
    def shares(**fields: Any) -> list[float]:
        (one,) = predict(client, TEXT, **fields).json()["predictions"]
        return [entity["confidence"] for entity in one["entities"]]

    every = shares(types=["a"])
    assert min(every) < 0.5 <= max(every)
    assert shares(types=["a"], threshold=0.5) == [one for one in every if one >= 0.5]
    assert shares(types=["a"], threshold={"a": 1}) == [one for one in every if one == 1]


def test_without_types_those_of_the_checkpoint_are_looked_for(client: httpx.Client) -> None:
    facts = client.get("/v1/model").json()
    assert facts == {
        "name": "tiny", "system": "gner", "types": ["person", "city"], "rated": True,
        "characters": 50_000, "seconds": 20,
    }  # fmt: skip
    assert predict(client, TEXT).json() == predict(client, TEXT, types=facts["types"]).json()


BAD: list[tuple[Any, int, str]] = [
    ({"texts": ["a"], "typs": ["x"]}, 422, "typs: unknown field; known: texts, types, threshold; did"),
    ({"texts": "a"}, 422, "texts: Input should be a valid list"),
    ({"texts": []}, 422, "texts: "),
    ({"texts": ["a"] * 300}, 422, "texts: "),
    ({"texts": ["a", None]}, 422, "text 2: Input should be a valid string"),
    ({"texts": ["a", 5]}, 422, "text 2: "),
    ({"texts": ["a"], "types": [5]}, 422, "type 1: "),
    ({"types": ["x"]}, 422, "texts: Field required"),
    ({"texts": ["a"], "types": []}, 422, "types: "),
    ({"texts": ["a"], "types": "x"}, 422, "types: "),
    ({"texts": ["a"], "types": ["x", " "]}, 422, "type 2 is blank"),
    ({"texts": ["a"], "types": ["x", "X"]}, 422, "type 2, 'X', is there twice"),
    ({"texts": ["a"], "threshold": "high"}, 422, "threshold: "),
    ({"texts": ["a"], "threshold": 2}, 422, "threshold: "),
    ({"texts": ["a"], "types": ["x"], "threshold": {"y": 0.5}}, 422, "threshold names 'y'"),
    ({"texts": ["a"], "types": ["x"], "threshold": {"x": 2}}, 422, "threshold of x: Input should be less"),
    (b'{"texts": ["a"], "texts": ["b"]}', 400, "'texts' is there twice"),
    (b'{"texts": ["a"], "threshold": {"a": 0, "a": 1}}', 400, "'a' is there twice"),
    ({"texts": ["ok", "b" * 600]}, 422, "text 2, word 1 ('bbb"),
    ({"texts": ["a" * 60_000]}, 413, "60,000 characters, more than 50,000"),
    ({"texts": ["a"], "types": ["b" * 60_000]}, 413, "60,001 characters"),
    (["a"], 422, "the body: "),
    (b'{"texts": ["a \\ud83d b"]}', 422, "half a surrogate pair"),
    (b'{"te\\ud83dxts": ["a"]}', 422, "unicode string"),
    (b'{"texts": ["a"], "threshold": NaN}', 422, "threshold: "),
    (b'{"texts": ["a"', 400, "no JSON"),
    (b"\xff\xfe", 400, "not UTF-8 (invalid start byte at byte 0)"),
    (b"[" * 100_000, 400, "nested too deep"),
    (b'{"texts": ["a"], "threshold": ' + b"9" * 5000 + b"}", 400, "digits"),
    (b"", 422, "the body: Field required"),
    (b'{"texts": ["' + b"a" * 800_000, 413, "larger than 665,536 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "detail"), BAD)
def test_what_is_wrong_is_refused_in_one_line(
    client: httpx.Client, body: Any, status: int, detail: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post("/v1/predict", content=content, headers=JSON)
    assert answer.status_code == status, answer.text
    assert detail in answer.json()["detail"]
    assert "\n" not in answer.json()["detail"]


def test_bodies_without_length_are_limited_too(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b"a" * 10_000

    answer = client.post("/v1/predict", content=endless(), headers=JSON)
    assert answer.status_code == 413


def test_other_methods_paths_and_content_types_are_refused(client: httpx.Client) -> None:
    assert client.get("/v1/predict").status_code == 405
    assert client.get("/v1/nothing").status_code == 404
    assert client.post("/v1/predict", content=b"{}").status_code == 415
    assert client.get("/page/..%2fsettings.py").status_code == 404


def test_names_of_other_sites_are_refused(client: httpx.Client) -> None:
    """A page whose name was pointed to this machine could else read answers."""
    for host, status in (("evil.example", 421), ("127.0.0.1.evil.example", 421), ("localhost:1", 200)):  # fmt: skip
        assert client.get("/v1/model", headers={"host": host}).status_code == status


def test_the_page_needs_nothing_from_outside(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    for file in PAGE.iterdir():
        text = file.read_text(encoding="utf-8")
        assert client.get(f"/page/{file.name}").text == text
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|innerHTML|style=|\son\w+=", text)


def test_openapi_describes_requests_answers_and_refusals(client: httpx.Client) -> None:
    found = client.get("/openapi.json").json()
    post = found["paths"]["/v1/predict"]["post"]
    assert {"200", "400", "401", "408", "413", "415", "422", "429", "503"} == {*post["responses"]}
    schemas = found["components"]["schemas"]
    assert set(schemas["PredictRequest"]["properties"]) == {"texts", "types", "threshold"}
    assert "code points" in schemas["FoundEntity"]["description"]
    assert set(schemas["FoundEntity"]["properties"]) == {*Entity.__dataclass_fields__}
    assert client.get("/docs").status_code == 404  # would load scripts from elsewhere


def test_metrics_count_what_happened() -> None:
    with served(stub_predictor()) as (client, _):
        predict(client, "Ada met Zoë")
        predict(client, "a", types=[])
        client.get("/nothing")
        client.get("/nowhere")
        text = client.get("/metrics").text
    assert 'gner_requests_total{path="/v1/predict",status="200"} 1.0' in text
    assert 'gner_requests_total{path="/v1/predict",status="422"} 1.0' in text
    assert 'gner_requests_total{path="other",status="404"} 2.0' in text
    assert "gner_entities_total 2.0" in text
    assert "gner_requests_unfinished 0.0" in text
    assert "gner_pass_windows_count 1.0" in text
    assert "process_resident_memory_bytes" in text


def test_a_token_guards_all_but_page_and_health() -> None:
    with served(stub_predictor(), token=TOKEN) as (client, _):
        for path in ("/", "/page/app.js", "/health", "/openapi.json"):
            assert client.get(path).status_code == 200
        for given in ({}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}):
            for path in ("/v1/model", "/metrics", "/v1/predict"):
                answer = client.get(path, headers=given)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
        client.headers["authorization"] = f"Bearer {TOKEN}"
        assert client.get("/v1/model", headers={"host": "ner.example"}).status_code == 200
        assert client.get("/metrics").status_code == 200
        assert predict(client, TEXT).status_code == 200


def test_a_full_queue_says_when_to_come_back() -> None:
    finder = StubFinder()
    with served(stub_predictor(finder), queue=2) as (client, _), ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(predict, client, TEXT) for _ in range(2)]
        while client.get("/health").json()["unfinished"] < 2:
            time.sleep(0.01)
        refused = predict(client, TEXT)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        finder.gate.set()
        assert [one.result().status_code for one in waiting] == [200, 200]


def test_a_request_that_takes_too_long_is_dropped() -> None:
    finder = StubFinder()
    with served(stub_predictor(finder), timeout=0.2) as (client, _):
        answer = predict(client, TEXT)
        assert answer.status_code == 503
        assert "not ready in 0.2 seconds" in answer.json()["detail"]
        assert client.get("/health").json() == {"status": "ok", "unfinished": 0}
        finder.gate.set()


def test_a_failing_model_is_told_and_seen() -> None:
    with served(stub_predictor()) as (client, _):
        answer = predict(client, "explode")
        assert answer.status_code == 500
        assert answer.json() == {"detail": "the server failed; its log says why"}
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert client.get("/health").status_code == 503
        assert predict(client, "Good").status_code == 200
        assert client.get("/health").status_code == 200


def test_a_client_that_goes_away_leaves_the_queue() -> None:
    finder = StubFinder()
    with served(stub_predictor(finder)) as (client, _), ThreadPoolExecutor(1) as threads:
        first = threads.submit(predict, client, "First")
        while not finder.passes:
            time.sleep(0.01)
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/predict", json={"texts": ["Gone"]}, timeout=0.2)
        while client.get("/health").json()["unfinished"] > 1:
            time.sleep(0.01)
        finder.gate.set()
        assert first.result().status_code == 200
        assert "Gone" not in finder.words()
        assert "gner_requests_given_up_total 1.0" in client.get("/metrics").text
        until_free(client)


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gner_core.serving.guard.UPLOAD_SECONDS", 0.2)
    with served(stub_predictor()) as (client, _):
        port = client.base_url.port
        with socket.create_connection(("127.0.0.1", port), timeout=5) as slow:
            slow.sendall(
                b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n"
                b"content-type: application/json\r\n\r\n{"
            )
            assert b"408" in slow.recv(4096).splitlines()[0]


def test_a_server_that_ends_answers_what_runs() -> None:
    finder = StubFinder()
    with served(stub_predictor(finder)) as (client, server), ThreadPoolExecutor(3) as threads:
        running = [threads.submit(predict, client, f"Word{n}") for n in range(3)]
        while client.get("/health").json()["unfinished"] < 3:
            time.sleep(0.01)
        server.should_exit = True
        threading.Timer(0.3, finder.gate.set).start()
        assert [one.result().status_code for one in running] == [200, 200, 200]
    with pytest.raises(httpx.ConnectError):
        httpx.get(client.base_url)


def test_health_answers_while_the_model_computes() -> None:
    finder = StubFinder(seconds=0.5)
    finder.gate.set()
    with served(stub_predictor(finder)) as (client, _), ThreadPoolExecutor(1) as threads:
        running = threads.submit(predict, client, "Ada " * 60)
        took = []
        while not running.done():
            began = time.monotonic()
            assert client.get("/health").status_code == 200
            took.append(time.monotonic() - began)
        assert sorted(took)[len(took) // 2] < 0.1
