"""Decisions about the champion, on a registry in memory and with figures that are given."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gner_core.config.reading.files import read_params
from gner_core.config.reevaluation import Reevaluation
from gner_core.errors import InputError
from gner_core.store.artifacts import Store
from tasks.champion import Promotion, decision_of, in_words
from tasks.checkpoints.identity import Checkpoint, named
from tasks.checkpoints.registry import CHECKPOINT, DECISION, WHERE, RegistryAwayError
from tasks.checkpoints.suite import Evaluation, Suite, plan_suite
from tasks.steps.results import Compare
from tasks.tracking.records import Version
from tests.flows.known_checkpoints import Place

BEYOND = 0.1
"""Differences beyond this are outside the interval."""


@dataclass
class Registry:
    """Versions and the alias, as MLflow would keep them."""

    model: str = "gner"
    mlflow: Any = field(default_factory=lambda: SimpleNamespace(uri="memory"))
    tags: dict[int, dict[str, str]] = field(default_factory=dict)
    holder: int | None = None
    marks: dict[int, dict[str, str]] = field(default_factory=dict)

    def register(self, checkpoint: Checkpoint) -> Version:
        known = {tags[CHECKPOINT]: number for number, tags in self.tags.items()}
        number = known.get(checkpoint.key, len(known) + 1)
        tags = {CHECKPOINT: checkpoint.key, WHERE: checkpoint.where}
        self.tags.setdefault(number, tags)
        return self._version(number)

    def champion(self, alias: str) -> Version | None:
        return None if self.holder is None else self._version(self.holder)

    def promote(self, version: Version, alias: str) -> None:
        self.holder = version.number

    def decide(self, version: Version, evaluation: str, decision: Mapping[str, Any]) -> None:
        self.tags[version.number][f"{DECISION}{evaluation}"] = json.dumps(decision)

    def mark(self, version: Version, tags: Mapping[str, str]) -> None:
        self.marks[version.number] = dict(tags)

    def _version(self, number: int) -> Version:
        return Version(number, None, dict(self.tags[number]))


@dataclass
class Run:
    """A run that keeps what is logged; what is to happen at the end happens when told."""

    store: Store
    logged: dict[str, Any] = field(default_factory=dict)
    at_end: list[Any] = field(default_factory=list)

    @property
    def tracker(self) -> Any:
        return self

    @contextmanager
    def step_run(self, name: str, **_: Any) -> Iterator[Any]:
        yield SimpleNamespace(
            values=self.logged.update,
            tags=self.logged.update,
            after_all=lambda _, make: self.at_end.append(make),
        )


class Machine:
    """Decides about checkpoints whose F1 is known; says what was evaluated and compared."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.place = Place(folder, root)
        self.store = Store(str(folder / "store"), scratch=folder / "work")
        params = read_params(Reevaluation, root / "params" / "reevaluate.yaml", overrides=[])
        self.suite: Suite = plan_suite(params)
        self.registry, self.run = Registry(), Run(self.store)
        self.f1: dict[str, float] = {}
        self.evaluated: list[str] = []
        self.compared: list[str] = []

    def candidate(self, name: str, f1: float) -> Evaluation:
        folder = self.place.checkpoint(name, right=f1)
        found = self.suite.evaluation(named(folder, self.store), self.store)
        self.f1[found.checkpoint.key] = f1
        return found

    def decide(self, candidate: Evaluation) -> str:
        promotion = Promotion(
            self.suite, self.run, self.registry, evaluate=self._evaluate, compare=self._compare
        )
        return promotion.decide(candidate).verdict

    @property
    def champion(self) -> str | None:
        version = self.registry.champion("champion")
        return Path(version.tags[WHERE]).name if version else None

    def _evaluate(self, champion: Evaluation) -> None:
        self.evaluated.append(champion.checkpoint.key)

    def _compare(self, step: Compare) -> dict[str, Any]:
        self.compared.append(step.title)
        before, f1 = (
            self.f1[next(iter(tests.values())).predictions.model.ref.key]
            for tests in (step.champion, step.candidate)
        )
        gain = f1 - before
        verdict = "better" if gain > BEYOND else "worse" if gain < -BEYOND else "even"
        mean = {"b": f1, "value": gain, "low": gain - BEYOND, "high": gain + BEYOND, "p": 0.5}
        return {"verdict": verdict, "mean": mean}


@pytest.fixture
def machine(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path, root)
    monkeypatch.setattr("tasks.champion.mean_f1", lambda one, *_, **__: made.f1[one.checkpoint.key])
    return made


def test_the_first_is_champion_and_after_it_only_what_is_clearly_better(machine: Machine) -> None:
    verdicts = [
        (machine.decide(machine.candidate(name, f1)), machine.champion)
        for name, f1 in (("a", 0.5), ("b", 0.45), ("c", 0.55), ("d", 0.2), ("e", 0.9))
    ]
    assert verdicts == [
        ("first", "a"),
        ("even", "a"),
        ("even", "a"),
        ("worse", "a"),
        ("better", "e"),
    ]
    assert len(machine.compared) == 4


def test_a_checkpoint_that_finds_nothing_is_no_champion(machine: Machine) -> None:
    assert machine.decide(machine.candidate("none", 0.0)) == "zero"
    assert machine.champion is None
    assert machine.decide(machine.candidate("some", 0.01)) == "first"
    assert machine.champion == "some"


def test_what_was_decided_is_not_decided_again(machine: Machine) -> None:
    good, best = machine.candidate("good", 0.5), machine.candidate("best", 0.9)
    assert [machine.decide(one) for one in (good, best, good, best)] == [
        *("first", "better", "first", "better")
    ]
    assert len(machine.compared) == 1
    assert machine.champion == "best"


def test_the_holder_of_the_alias_is_not_compared_with_itself(machine: Machine) -> None:
    good = machine.candidate("good", 0.5)
    machine.registry.promote(machine.registry.register(good.checkpoint), "champion")  # by a person
    assert machine.decide(good) == "named"
    assert machine.compared == []


def test_a_champion_without_scores_on_these_tests_is_evaluated_first(machine: Machine) -> None:
    good, best = machine.candidate("good", 0.5), machine.candidate("best", 0.9)
    machine.decide(good)
    machine.decide(best)
    assert machine.evaluated == [good.checkpoint.key]
    for step in best.tests.values():
        with machine.store.publish(step.ref, about={}) as folder:
            (folder / "scores.json").write_text("{}")
    machine.decide(machine.candidate("other", 0.9))
    assert machine.evaluated == [good.checkpoint.key]


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def test_a_decision_whose_alias_did_not_move_is_acted_upon_later(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.decide(machine.candidate("good", 0.5))
    best = machine.candidate("best", 0.9)
    with monkeypatch.context() as patch:
        patch.setattr(machine.registry, "promote", interrupt)
        with pytest.raises(KeyboardInterrupt):
            machine.decide(best)
    assert machine.champion == "good"
    assert machine.decide(best) == "better"
    assert machine.champion == "best"
    assert len(machine.compared) == 1


def test_it_is_decided_anew_where_another_became_champion_before(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.decide(machine.candidate("poor", 0.3))
    good, best = machine.candidate("good", 0.6), machine.candidate("best", 0.9)
    with monkeypatch.context() as patch:
        patch.setattr(machine.registry, "promote", interrupt)
        with pytest.raises(KeyboardInterrupt):
            machine.decide(good)
    machine.decide(best)
    assert machine.decide(good) == "worse"
    assert machine.champion == "best"


def test_a_champion_that_comes_while_another_is_compared_is_compared_too(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.decide(machine.candidate("poor", 0.3))
    good, best = machine.candidate("good", 0.6), machine.candidate("best", 0.9)
    other = machine.registry.register(best.checkpoint)
    monkeypatch.setattr(
        Machine, "_evaluate", lambda *_: machine.registry.promote(other, "champion")
    )
    assert machine.decide(good) == "worse"
    assert machine.champion == "best"
    assert len(machine.compared) == 1


def test_a_regression_is_marked_and_all_is_closed_when_it_is_logged(machine: Machine) -> None:
    good = machine.candidate("good", 0.9)
    machine.decide(good)
    bad = machine.candidate("bad", 0.3)
    machine.decide(bad)
    assert machine.run.logged["gner.verdict"] == "worse"
    assert machine.run.logged["gner.champion"] == good.checkpoint.key
    assert machine.run.logged["difference"] == pytest.approx(-0.6)
    said = "F1 30.00, -60.00 against the champion (-70.00 … -50.00, p 0.500)"
    assert machine.run.logged["gner.regression"] == said
    closed = []
    for _ in range(2):
        decision = decision_of(machine.registry.register(bad.checkpoint), machine.suite)
        assert decision is not None
        assert in_words(decision) == said
        closed.append(decision.closed)
        for make in machine.run.at_end:
            make()
    assert closed == [False, True]
    assert machine.registry.marks[2]["gner.regression"] == said


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({WHERE: ""}, "not registered by gner; move the alias"),
        ({WHERE: "/nowhere"}, "/nowhere: registered, and not there"),
        ({CHECKPOINT: "0" * 20}, "holds another checkpoint now"),
    ],
)
def test_a_champion_that_cannot_be_evaluated_is_named(
    machine: Machine, tags: dict[str, str], message: str
) -> None:
    machine.decide(machine.candidate("good", 0.5))
    machine.registry.tags[1].update(tags)
    with pytest.raises(InputError, match=f"^version 1 of gner, which holds the alias.*{message}"):
        machine.decide(machine.candidate("best", 0.9))
    assert machine.registry.holder == 1


@pytest.mark.parametrize("call", ["register", "champion", "decide", "promote"])
def test_a_registry_that_does_not_answer_leaves_all_to_a_later_call(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    machine.decide(machine.candidate("good", 0.5))
    best = machine.candidate("best", 0.9)

    def away(*_: Any) -> None:
        raise ConnectionRefusedError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(machine.registry, call, away)
        with pytest.raises(RegistryAwayError, match="no answer"):
            machine.decide(best)
    assert machine.registry.holder == 1
    assert machine.decide(best) == "better"
    assert machine.champion == "best"
