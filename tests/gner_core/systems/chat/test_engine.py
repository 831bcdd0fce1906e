"""What is asked, what is kept, and that nothing is asked twice."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from gner_core.config.systems.chat import Price
from gner_core.errors import InputError, Stopped
from gner_core.records import Sentence
from gner_core.systems.chat.answers import FILTERED
from gner_core.systems.chat.estimate import expected
from tests.conftest import room_for
from tests.gner_core.systems.chat.conftest import MakeEngine, chat_system, sentence
from tests.gner_core.systems.chat.stub import Stub, answers, completion, error


def test_every_type_is_asked_once_with_the_params_of_the_system(
    endpoint: Stub, engine: MakeEngine
) -> None:
    endpoint.reply = lambda asked: '["Ada"]' if '"person"' in asked else "[]"
    outputs = engine(system={"extra": {"reasoning_effort": "low"}}).answer(
        [sentence("Ada waves {type} .")]
    )
    assert outputs == [('["Ada"]', "[]")]
    first, second = endpoint.bodies
    assert {**first, "messages": None} == {
        "model": "stub",
        "messages": None,
        "max_completion_tokens": 64,
        "temperature": 0.0,
        "seed": 1,
        "reasoning_effort": "low",
    }
    assert [message["role"] for message in first["messages"]] == ["system", "user"]
    asked = first["messages"][1]["content"]
    assert asked.startswith("Text: Ada waves {type} .\n") and 'of the type "person"' in asked
    assert 'of the type "location"' in second["messages"][1]["content"]


def test_all_types_in_one_question(endpoint: Stub, engine: MakeEngine) -> None:
    endpoint.reply = lambda _: '{"person": ["Ada"]}'
    system = {"ask": "all", "limit_field": "max_tokens", "temperature": None, "seed": None}
    words = sentence("Ada waves .")
    chat = engine(system=system)
    (outputs,) = chat.answer([words])
    assert chat.read(words.words, words.types, outputs).spans == ((0, 1, "person"),)
    (body,) = endpoint.bodies
    assert body["max_tokens"] == 64 and not {"temperature", "seed"} & body.keys()
    assert 'these types: "person", "location".' in body["messages"][1]["content"]


def test_answers_are_kept_as_they_came_and_equal_questions_asked_once(
    endpoint: Stub, engine: MakeEngine, tmp_path: Path
) -> None:
    chat = engine()
    chat.answer([sentence("Ada waves ."), sentence("Ada waves .", name="news/test/7")])
    records = [json.loads(line) for line in (tmp_path / "responses.jsonl").read_text().splitlines()]
    assert [record["about"] for record in records] == [
        "news/test/0, 'person'",
        "news/test/0, 'location'",
    ]
    response = records[0]["response"]
    assert response["model"] == "stub-2026-01-01" and response["system_fingerprint"] == "fp_stub"
    assert response["usage"]["prompt_tokens"] == 100
    assert response["choices"][0]["finish_reason"] == "stop"
    assert chat.summary["models"] == ["stub-2026-01-01"]
    assert (chat.summary["calls"], chat.summary["prompt_tokens"]) == (2, 200)


def test_a_resumed_run_asks_only_what_has_no_answer(
    endpoint: Stub, engine: MakeEngine, several: list[Sentence], tmp_path: Path
) -> None:
    engine().answer(several[:3])
    kept = tmp_path / "responses.jsonl"
    with kept.open("ab") as handle:  # killed in the middle of a line
        handle.write(b'{"question": "abc", "resp')
    chat = engine()
    outputs = chat.answer(several)
    assert len(outputs) == 6 and len(endpoint.asked) == 12 and not endpoint.twice()
    assert chat.summary["resumed_from"] == 6
    assert all(json.loads(line) for line in kept.read_text().splitlines())
    engine().answer(several)
    assert len(endpoint.asked) == 12


def test_a_full_disk_loses_no_answer_and_leaves_no_half_a_line(
    endpoint: Stub, engine: MakeEngine, several: list[Sentence], tmp_path: Path
) -> None:
    with room_for(2500), pytest.raises(OSError, match="File too large"):
        engine(parallel=3).answer(several)
    lines = (tmp_path / "responses.jsonl").read_text().splitlines()
    assert 3 < len(lines) < 12 and all(map(json.loads, lines))
    kept = len(lines)
    chat = engine(parallel=3)
    chat.answer(several)
    assert chat.summary["resumed_from"] == kept
    assert len(endpoint.asked) - len(endpoint.twice()) == 12 and len(endpoint.twice()) <= 3


def test_an_endpoint_that_counts_no_tokens_is_estimated(endpoint: Stub, engine: MakeEngine) -> None:
    silent = {**completion("[]"), "usage": {"prompt_tokens": None}, "model": None}
    endpoint.faults = [lambda handler, _: handler.json(200, silent)]
    chat = engine()
    chat.answer([sentence("Ada waves .", "person")])
    assert 80 < chat.summary["prompt_tokens"] < 130 and chat.summary["answer_tokens"] == 64


def test_a_line_that_is_no_answer_is_named(engine: MakeEngine, tmp_path: Path) -> None:
    (tmp_path / "responses.jsonl").write_text('{"question": "a"}\n')
    with pytest.raises(InputError, match=r"responses.jsonl, line 1: no answer .* delete the line"):
        engine().answer([sentence("Ada waves .")])


def test_filtered_refused_empty_and_cut_off_answers_are_counted_apart(
    endpoint: Stub, engine: MakeEngine
) -> None:
    endpoint.faults = [
        answers(None, "content_filter"),
        error(400, "content_filter", "the prompt was filtered"),
        answers(None, refusal="I cannot help with that"),
        answers(""),
        answers('["Ada", "Bo', "length"),
        answers("[]"),
    ]
    names = ("person", "location", "team", "song", "film", "book")
    asked = sentence("Ada waves .", *names)
    chat = engine()
    (outputs,) = chat.answer([asked])
    assert outputs[:2] == (FILTERED, FILTERED)
    counts = {name: chat.summary[name] for name in ("filtered", "refused", "empty", "cut_off")}
    assert counts == {"filtered": 2, "refused": 1, "empty": 1, "cut_off": 1}
    reading = chat.read(asked.words, asked.types, outputs)
    assert reading.spans == ((0, 1, "film"),)
    assert reading.unread == (
        "person: withheld by the endpoint's filter",
        "location: withheld by the endpoint's filter",
        "team: no list: I cannot help with that",
        "song: empty",
        "film: cut off",
    )
    engine().answer([asked])
    assert len(endpoint.asked) == 6  # a filtered question is not asked again


@pytest.mark.parametrize(
    ("budget", "answered"),
    [({"tokens": 590, "money": None}, 4), ({"tokens": None, "money": 0.00095}, 5)],
)
def test_the_budget_stops_before_it_is_exceeded(
    endpoint: Stub, engine: MakeEngine, several: list[Sentence], budget: object, answered: int
) -> None:
    price = {"prompt": 1.0, "answer": 4.0}  # an answer costs 0.00014, at most 0.0004
    with pytest.raises(InputError, match=r"spent: tokens \d+, money 0.000\d.* asks no answered"):
        engine(price=price, budget=budget).answer(several)
    assert len(endpoint.asked) == answered
    chat = engine(price=price)
    chat.answer(several)
    assert len(endpoint.asked) == 12 and not endpoint.twice()
    assert chat.summary["money"] == pytest.approx(12 * 0.00014)


def test_no_more_requests_are_open_than_allowed(
    endpoint: Stub, engine: MakeEngine, several: list[Sentence]
) -> None:
    endpoint.delay = 0.05
    engine(parallel=3).answer(several)
    assert endpoint.most_open == 3 and len(endpoint.asked) == 12


def test_whoever_stops_keeps_the_answers_on_their_way(
    endpoint: Stub, engine: MakeEngine, several: list[Sentence], tmp_path: Path
) -> None:
    chat = engine(parallel=4)
    four = threading.Barrier(4, action=chat.stop)

    def last_reply(asked: str) -> str:
        four.wait(10)
        return "[]"

    endpoint.reply = last_reply
    with pytest.raises(Stopped):
        chat.answer(several)
    assert len((tmp_path / "responses.jsonl").read_text().splitlines()) == len(endpoint.asked) == 4
    endpoint.reply = lambda _: "[]"
    engine(parallel=4).answer(several)
    assert not endpoint.twice()


def test_a_fault_keeps_the_answers_on_their_way(
    endpoint: Stub, engine: MakeEngine, several: list[Sentence]
) -> None:
    endpoint.delay = 0.1
    endpoint.faults = [error(403, message="not from your country")]
    with pytest.raises(InputError, match="HTTP 403: not from your country"):
        engine(parallel=4).answer(several)
    refused = endpoint.asked[0]
    engine(parallel=4).answer(several)
    assert set(endpoint.twice()) <= {refused} and len(set(endpoint.asked)) == 12


def test_the_endpoint_sees_its_own_names_of_types(
    endpoint: Stub, engine: MakeEngine, tmp_path: Path
) -> None:
    names = tmp_path / "names.yaml"
    names.write_text("person: human being\n")
    endpoint.reply = lambda _: '{"human being": ["Ada"], "location": ["Bob"]}'
    chat = engine(system={"ask": "all", "type_names": str(names)})
    asked = sentence("Ada waves .")
    (outputs,) = chat.answer([asked])
    assert 'these types: "human being", "location".' in endpoint.asked[0]
    reading = chat.read(asked.words, asked.types, outputs)
    assert reading.spans == ((0, 1, "person"),)
    assert reading.hallucinated == (("location", "Bob"),)
    names.write_text("person: location\n")
    with pytest.raises(InputError, match=r"names.yaml: gives two types of news/test/0 one name"):
        engine(system={"type_names": str(names)}).answer([asked])


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("system: null\nuser: 'In {text}, which {types}?'", r"lacks {type}, has {types}, which"),
        ("system: null\nuser: '{text} {type} {typ}'", r"has {typ}, which nothing fills; ask: each"),
        ("user: '{text} {type}'", r"template.yaml: missing: system"),
    ],
)
def test_a_template_must_have_its_placeholders(
    engine: MakeEngine, tmp_path: Path, template: str, said: str
) -> None:
    file = tmp_path / "template.yaml"
    file.write_text(template)
    with pytest.raises(InputError, match=said):
        engine(system={"template": str(file)})


def test_costs_are_estimated_before_anything_is_asked(root: Path) -> None:
    ada = Sentence("a", "news", ("Ada", "waves"), ("B-person", "O"), ("person", "location"))
    system = chat_system(root, base_url="http://127.0.0.1:1/v1")
    once, twice = expected(system, [ada]), expected(system, [ada, replace(ada, id="b")])
    assert once == twice  # equal questions are asked once
    assert (once.calls, once.answer_tokens, once.most_answer_tokens) == (2, 2 + 1, 128)
    assert 160 < once.prompt_tokens < 260  # two questions of some 400 characters
    in_one = expected(chat_system(root, base_url="http://127.0.0.1:1/v1", ask="all"), [ada])
    assert (in_one.calls, in_one.answer_tokens) == (1, 5)
    price = Price(prompt=0.0, answer=1e6)
    assert once.money(price) == (3.0, 128.0)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"base_url": "http://user:secret@host/v1"}, "must hold no user, password"),
        ({"base_url": "https://host/v1?key=secret"}, "must hold no user, password"),
        ({"base_url": "host/v1"}, "begins with http"),
        ({"base_url": "http://h/v1/chat/completions"}, "must end before /chat/completions"),
        ({"extra": {"model": "other"}}, "must not set model"),
    ],
)
def test_params_that_cannot_be_are_refused(root: Path, values: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        chat_system(root, **{"base_url": "http://h/v1"} | values)  # type: ignore[operator]
