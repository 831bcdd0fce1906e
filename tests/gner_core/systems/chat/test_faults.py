"""What an endpoint may do wrong: what is tried again, what stops at once, and what is said."""

import re
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from gner_core.errors import InputError
from tests.gner_core.systems.chat.conftest import KEY, MakeEngine, sentence
from tests.gner_core.systems.chat.stub import Fault, Stub, error, garbage, hang_up, silence

ASKED = [sentence("Ada waves .", "person")]


@pytest.mark.parametrize(
    "faults",
    [
        [error(429), error(429)],
        [error(500), error(503, "overloaded")],
        [garbage(), garbage(b'{"choices": []}')],
        [hang_up(), garbage(b'"' + b"[" * 5000)],
    ],
    ids=["429", "500", "garbage", "hang up"],
)
def test_what_may_pass_is_tried_again(
    endpoint: Stub, engine: MakeEngine, faults: list[Fault]
) -> None:
    endpoint.faults = faults
    assert engine().answer(ASKED) == [("[]",)]
    assert len(endpoint.asked) == 3


def test_retry_after_is_waited_for_by_all(endpoint: Stub, engine: MakeEngine) -> None:
    endpoint.faults = [error(429, Retry_After="0.5")]
    started = time.monotonic()
    engine().answer(ASKED)
    assert 0.5 <= time.monotonic() - started < 3
    assert len(endpoint.asked) == 2


@pytest.mark.parametrize("as_date", [False, True])
def test_a_wait_longer_than_allowed_stops_with_its_length(
    endpoint: Stub, engine: MakeEngine, as_date: bool
) -> None:
    wait = formatdate(time.time() + 3600, usegmt=True) if as_date else "3600"
    endpoint.faults = [error(429, Retry_After=wait)]
    message = r"asks to wait 3[56]\d\d seconds, longer than .*longest_wait_seconds of 2; run this"
    with pytest.raises(InputError, match=message):
        engine().answer(ASKED)
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            error(429, "insufficient_quota", "You exceeded your current quota"),
            r"the quota is used up \(HTTP 429: You exceeded your current quota\); run this again",
        ),
        (
            error(400, "context_length_exceeded", "at most 8192 tokens"),
            r"HTTP 400: at most 8192 tokens \(news/test/0, 'person'\); .* set cut_at_words",
        ),
        (error(401, message=f"Incorrect key: {KEY}"), "HTTP 401: the key in OPENAI_API_KEY is ref"),
        (error(403, message=f"{KEY} may not"), r"HTTP 403: \[key\] may not"),
        (error(404, message="no such model"), "HTTP 404: no such model"),
    ],
    ids=["quota", "too long", "401", "403", "404"],
)
def test_what_cannot_pass_stops_at_once(
    endpoint: Stub, engine: MakeEngine, fault: Fault, said: str
) -> None:
    endpoint.faults = [fault]
    with pytest.raises(InputError, match=said) as raised:
        engine().answer(ASKED)
    assert len(endpoint.asked) == 1
    assert "\n" not in str(raised.value) and KEY not in str(raised.value)
    assert engine().answer(ASKED) == [("[]",)]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (error(500, message="x" * 1000), r"HTTP 500: x{200}…, in 3 attempts \(news/test/0, 'per"),
        (error(429), "HTTP 429: sorry, in 3 attempts"),
        (garbage(), r"no chat completion but '<html>busy</html>', in 3 attempts"),
        (silence(), "no answer within 0.3 seconds, in 3 attempts"),
        (hang_up(), r"the connection failed \(RemoteProtocolError\), in 3 attempts"),
    ],
    ids=["500", "429", "garbage", "silence", "hang up"],
)
def test_whoever_never_answers_is_given_up(
    endpoint: Stub, engine: MakeEngine, fault: Fault, said: str
) -> None:
    endpoint.faults = [fault] * 3
    with pytest.raises(InputError, match=said):
        engine(timeout_seconds=0.3).answer(ASKED)
    assert len(endpoint.asked) == 3


def test_nobody_listens(engine: MakeEngine) -> None:
    chat = engine(system={"base_url": "http://127.0.0.1:9/v1"}, attempts=1)
    with pytest.raises(InputError, match=r"127.0.0.1:9/v1: the connection failed .*in 1 attempt "):
        chat.answer(ASKED)


def test_the_key_is_sent_and_shown_nowhere(
    endpoint: Stub,
    engine: MakeEngine,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("DEBUG")
    endpoint.reply = lambda _: f'["{KEY}"]'  # an endpoint that repeats what it was sent
    endpoint.faults = [error(429, message=f"slow down, {KEY}"), garbage(KEY.encode())]
    assert engine().answer(ASKED) == [('["[key]"]',)]
    assert endpoint.keys == [f"Bearer {KEY}"] * 3
    kept = "".join(file.read_text() for file in tmp_path.rglob("*") if file.is_file())
    shown = capfd.readouterr()
    assert KEY not in kept + caplog.text + shown.out + shown.err
    assert re.search("waves|question", kept)


def test_a_server_without_keys_needs_none(
    endpoint: Stub, engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine(key_variable=None).answer(ASKED)
    monkeypatch.delenv("OPENAI_API_KEY")
    engine().answer([sentence("Bob waves .", "person")])
    assert endpoint.keys == ["Bearer none"] * 2
    endpoint.faults = [error(401)]
    with pytest.raises(InputError, match="a key is wanted, and OPENAI_API_KEY is empty or not"):
        engine().answer([sentence("Eve waves .", "person")])


def test_a_key_that_cannot_be_one_is_not_shown(
    endpoint: Stub, engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-first\nsk-second")
    with pytest.raises(InputError, match="OPENAI_API_KEY: holds blanks") as raised:
        engine().answer(ASKED)
    assert "sk-" not in str(raised.value)
