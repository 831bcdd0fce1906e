"""Requests that wait are decoded together; nobody waits for a longer text, and who gives up is dropped."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager

import pytest

from gner_core.config.checkpoint import VERSION, Description
from gner_core.errors import InputError
from gner_core.predicting.loading.folder import load_folder
from gner_core.predicting.predictor import Predictor
from gner_core.predicting.requests import TextRequest
from gner_core.serving.decoder import Decoder, FullError, ModelError
from gner_core.serving.job import Job
from gner_core.serving.metrics import Metrics
from gner_core.systems.gner.targets import BIO
from tests.gner_core.conftest import TinyModel
from tests.gner_core.serving.stub import WINDOW, StubFinder, stub_predictor


@contextmanager
def running(predictor: Predictor, *, most: int = 100) -> Iterator[Decoder]:
    decoder = Decoder(predictor, most=most, metrics=Metrics())
    decoder.start()
    yield decoder
    decoder.stop()


@pytest.fixture
def finder() -> StubFinder:
    """Its gate is closed."""
    return StubFinder()


@pytest.fixture
def decoder(finder: StubFinder) -> Iterator[Decoder]:
    """It decodes up to four windows of twenty words at a time; its first pass waits at the gate."""
    with running(stub_predictor(finder, batch=4), most=12) as decoder:
        first = ask(decoder, "First")
        until(lambda: len(finder.passes) == 1)
        yield decoder
        finder.gate.set()
        assert first.future.result(5)


def ask(decoder: Decoder, *texts: str, types: tuple[str, ...] = ("person", "city")) -> Job:
    return decoder.submit([TextRequest(text, types) for text in texts])


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_answers_are_those_of_predict_whatever_is_decoded_beside(tiny_llama: TinyModel) -> None:
    about = Description(version=VERSION, backbone=tiny_llama.backbone, target=BIO, types=("city",))
    predictor = load_folder(tiny_llama.folder, about=about, beams=1, batch=4)
    texts = [f"Ada {n} met Zoë 👩‍💻 in 東京. " * (1 + n * 7) for n in range(8)]
    names = [("person", "city"), ("drug",), None]
    requests = [TextRequest(text, names[n % 3]) for n, text in enumerate(texts)]
    wanted = [predictor.predict_each([request])[0] for request in requests]
    with running(predictor) as decoder:
        jobs = [decoder.submit([request]) for request in requests]
        found = [job.future.result(60)[0] for job in jobs]
    assert any(one.entities for one in wanted)
    for one, other in zip(found, wanted, strict=True):
        assert [e.to_dict() for e in one.entities] == [
            {**e.to_dict(), "confidence": pytest.approx(e.confidence, rel=1e-3)}
            for e in other.entities
        ]


def test_requests_with_different_types_share_a_pass(decoder: Decoder, finder: StubFinder) -> None:
    jobs = [ask(decoder, f"Word{n}", types=(f"type {n}",)) for n in range(4)]
    finder.gate.set()
    labels = [job.future.result(5)[0].entities[0].label for job in jobs]
    assert labels == ["type 0", "type 1", "type 2", "type 3"]
    assert [len(one) for one in finder.passes] == [1, 4]


def test_a_long_text_holds_up_nobody(decoder: Decoder, finder: StubFinder) -> None:
    long = ask(decoder, "Long text. " * 20 * WINDOW)
    short = [ask(decoder, f"Short{n}") for n in range(3)]
    finder.gate.set()
    wait([job.future for job in short], timeout=5)
    assert [len(one) for one in finder.passes[:2]] == [1, 4]
    assert {words[0] for words, _ in finder.passes[1]} == {"Long", "Short0", "Short1", "Short2"}
    assert len(long.future.result(5)[0].entities) == 20 * WINDOW
    assert sum(len(one) for one in finder.passes[2:]) > 20


def test_more_requests_than_a_pass_holds_take_turns(decoder: Decoder, finder: StubFinder) -> None:
    long = [ask(decoder, f"Long{n} text. " * 3 * WINDOW) for n in range(6)]
    finder.gate.set()
    wait([job.future for job in long], timeout=5)
    first = [words[0] for one in finder.passes[1:4] for words, _ in one]
    assert {name: first.count(name) for name in first} == {f"Long{n}": 2 for n in range(6)}


def test_windows_much_longer_than_the_first_wait_for_the_next_pass(
    decoder: Decoder, finder: StubFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gner_core.serving.decoder.SHORT", 0)
    for text in ("Ada", "Ada met Zoë", "Ada met Zoë again today"):
        ask(decoder, text)
    finder.gate.set()
    until(lambda: len(finder.passes) == 3)
    assert [[len(words) for words, _ in one] for one in finder.passes] == [[1], [1, 3], [5]]


def test_who_gives_up_is_not_decoded(decoder: Decoder, finder: StubFinder) -> None:
    gone, other = ask(decoder, "Gone"), ask(decoder, "Other")
    gone.future.cancel()
    finder.gate.set()
    assert other.future.result(5)
    assert "Gone" not in finder.words()
    until(lambda: decoder.unfinished == 0)


def test_it_goes_on_when_the_only_request_is_given_up(
    finder: StubFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gner_core.serving.decoder.NEXT_SECONDS", 0.1)
    finder.gate.set()
    with running(stub_predictor(finder)) as decoder:
        ask(decoder, "Gone").future.cancel()
        time.sleep(0.3)
        assert ask(decoder, "Ada").future.result(5)
    assert finder.words() == ["Ada"]


def test_the_rest_of_a_long_text_is_dropped_with_its_request(
    decoder: Decoder, finder: StubFinder
) -> None:
    long = ask(decoder, "Long text. " * 30 * WINDOW)
    finder.seconds = 0.05
    finder.gate.set()
    until(lambda: len(finder.passes) == 3)
    long.future.cancel()
    assert ask(decoder, "After").future.result(5)
    assert len(finder.passes) <= 5


def test_only_the_faulty_request_fails(decoder: Decoder, finder: StubFinder) -> None:
    bad, long_word = ask(decoder, "explode"), ask(decoder, "x" * 600)
    good = ask(decoder, "Good")
    no_types = ask(decoder, "Good", types=())
    finder.gate.set()
    assert good.future.result(5)[0].entities[0].text == "Good"
    with pytest.raises(ModelError):
        bad.future.result(5)
    with pytest.raises(InputError, match=r"text 1, word 1 .* too long"):
        long_word.future.result(5)
    with pytest.raises(InputError, match="no types"):
        no_types.future.result(5)


def test_a_model_that_fails_is_not_alive_until_it_works_again(
    decoder: Decoder, finder: StubFinder
) -> None:
    assert decoder.alive
    bad = ask(decoder, "explode")
    finder.gate.set()
    wait([bad.future], timeout=5)
    assert not decoder.alive
    assert ask(decoder, "Good").future.result(5)
    assert decoder.alive


def test_a_full_queue_refuses_until_there_is_room(decoder: Decoder, finder: StubFinder) -> None:
    jobs = [ask(decoder, "Word") for _ in range(11)]
    with pytest.raises(FullError):
        ask(decoder, "Word")
    jobs[3].future.cancel()
    ask(decoder, "Word")
    assert decoder.seconds_of_queue() >= 1
    finder.gate.set()


def test_what_was_submitted_is_answered_before_the_end(finder: StubFinder) -> None:
    with running(stub_predictor(finder)) as decoder:
        jobs = [ask(decoder, "Ada " * 5 * WINDOW, "", "Zoë") for _ in range(5)]
        finder.gate.set()
    assert [len(job.future.result(0)) for job in jobs] == [3] * 5
    assert [len(one.entities) for one in jobs[0].future.result()] == [5 * WINDOW, 0, 1]
