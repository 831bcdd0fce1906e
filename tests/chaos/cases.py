"""A case: one run, one kill at a random moment, at most one repeat, and what is checked after.

Everything random follows from seed and number of a case, so that any case can be played again.

Example:
    case = draw(seed=1, number=7)
    row = play(case, house, reference)
    assert not row.problems
"""

import json
import random
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psutil

from tests.chaos.checks import Outcome, leftovers
from tests.chaos.house import GOOD, SERVERS, DeploymentRun, House, Run, kill_all
from tests.chaos.marked import POLL_SECONDS, Lifetimes, gone_after, roles

Way = Literal["command", "deployment"]
Launcher = Literal["plain", "ranks"]

TARGETS: tuple[tuple[Way, Launcher, str], ...] = (
    ("command", "plain", "flow"),
    ("command", "plain", "fork-server"),
    ("command", "plain", "worker"),
    ("command", "plain", "mlflow"),
    ("command", "ranks", "launcher"),
    ("command", "ranks", "rank"),
    ("deployment", "plain", "flow"),
    ("deployment", "plain", "fork-server"),
    ("deployment", "plain", "worker"),
    ("deployment", "plain", "mlflow"),
    ("deployment", "plain", "prefect"),
    ("deployment", "plain", "worker-cpu"),
    ("deployment", "plain", "cancel"),
    ("deployment", "ranks", "launcher"),
    ("deployment", "ranks", "rank"),
)
"""Each is drawn once before any is drawn again; cancel is that of the Prefect server."""
LONGER = ("stages.adaptation.train.epochs=8", "stages.finetuning.train.epochs=8")
"""Of params/tiny.yaml: trainings of 32 and more updates, with a checkpoint every two."""
RANKS = ("execution.launcher={kind: torchrun, processes: 2}",)
MARKED = ("flow", "fork-server", "worker", "launcher", "rank")
"""Targets that are processes of the run."""
RUN_SECONDS, START_SECONDS, GONE_SECONDS = 240.0, 90.0, 60.0
ABSENCE_SECONDS = 8.0
"""A killed server stays away for so long, at most."""


@dataclass(frozen=True)
class Case:
    """What is killed, how, and at which share of its life."""

    number: int
    way: Way
    launcher: Launcher
    target: str
    signal: signal.Signals
    moment: float
    absence: float
    overrides: Sequence[str]
    """Of params/tiny.yaml."""

    @property
    def with_server(self) -> bool:
        """Say whether MLflow is a server; else it is a file in the home folder."""
        return self.way == "deployment" or self.target in SERVERS


@dataclass
class Row:
    """What happened."""

    case: Case
    at: float = 0.0
    """Seconds after the start of the run."""
    victim: str = ""
    first: str = ""
    """How the disturbed run ended."""
    gone: float | None = None
    """Seconds from its end to that of its last process."""
    again: str = ""
    """How the repeat ended, where one was needed."""
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


def overrides_of(launcher: Launcher) -> list[str]:
    """The overrides of params/tiny.yaml for a launcher."""
    return [*LONGER, *(RANKS if launcher == "ranks" else ())]


def draw(seed: int, number: int) -> Case:
    """Draw a case; the first is number 1."""
    turn, place = divmod(number - 1, len(TARGETS))
    order = list(TARGETS)
    random.Random(f"{seed}/{turn}").shuffle(order)
    chance = random.Random(f"{seed}/{turn}/{place}")
    way, launcher, target = order[place]
    number_of_signal = chance.choice([signal.SIGKILL, signal.SIGTERM])
    moment, absence = chance.uniform(0, 0.9), chance.uniform(0, ABSENCE_SECONDS)
    given = overrides_of(launcher)
    return Case(number, way, launcher, target, number_of_signal, moment, absence, given)


def undisturbed(
    house: House, home: Path, overrides: Sequence[str]
) -> tuple[Outcome, dict[str, float]]:
    """Run once without a kill; the outcome to compare with, and how long each role lives.

    A folder that has such a run already is taken as it is.
    """
    kept = home / "spans.json"
    if kept.exists():
        return Outcome.of(home, house.tracking(home, server=False)), json.loads(kept.read_text())
    shutil.rmtree(home, ignore_errors=True)  # of one that failed
    mark = f"undisturbed-{time.time_ns()}"
    run = house.command(home, overrides, mark, server=False)
    lifetimes = Lifetimes()
    while run.is_running():
        lifetimes.look(roles(mark))
        time.sleep(2 * POLL_SECONDS)
    if run.ended(seconds=0) != "0":
        raise RuntimeError(f"the undisturbed run failed; see {home / 'command.log'}")
    spans = lifetimes.spans()
    outcome = Outcome.of(home, house.tracking(home, server=False))
    if problems := [*outcome.doubled, *leftovers(home)]:
        raise RuntimeError(f"the undisturbed run left {problems}")
    kept.write_text(json.dumps(spans))
    return outcome, spans


def play(
    case: Case, house: House, home: Path, reference: Outcome, spans: Mapping[str, float]
) -> Row:
    """Start the run, kill, wait, repeat if need be, check."""
    began = time.monotonic()
    span = spans.get(case.target, spans["flow"])
    while not (row := _disturbed(case, house, home, span)).victim and not row.problems:
        span /= 2  # the machine was faster this time, and the run had ended before the kill
    if case.with_server:
        house.up()  # whichever server was killed
    if row.first not in GOOD or (
        case.target == "mlflow" and _problems(case, house, home, reference)
    ):
        # The latter: the run had ended before MLflow was back, and has said so.
        run, mark = _start(case, house, home)
        row.again = run.ended(seconds=RUN_SECONDS)
        _, left = _all_gone(mark)
        row.problems += left
        if row.again not in GOOD:
            row.problems.append(f"the repeat ended with {row.again}")
    if not row.problems:
        row.problems += _problems(case, house, home, reference)
    if row.problems:  # to be looked at
        kept = home.with_name(f"{home.name}-with-problems")
        shutil.rmtree(kept, ignore_errors=True)
        home.rename(kept)
    shutil.rmtree(home, ignore_errors=True)
    row.seconds = time.monotonic() - began
    return row


def _problems(case: Case, house: House, home: Path, reference: Outcome) -> list[str]:
    outcome = Outcome.of(home, house.tracking(home, server=case.with_server))
    return [*reference.differences(outcome), *leftovers(home)]


def _disturbed(case: Case, house: House, home: Path, span: float) -> Row:
    row = Row(case)
    shutil.rmtree(home, ignore_errors=True)  # of a case that was interrupted
    if case.with_server:
        house.up()
        house.forget_tracked()
    run, mark = _start(case, house, home)
    _disturb(case, house, run, mark, span, row)
    row.first = run.ended(seconds=RUN_SECONDS)
    row.gone, row.problems = _all_gone(mark)
    return row


def _all_gone(mark: str) -> tuple[float | None, list[str]]:
    """Wait for the end of all processes; the seconds that took, and what is still there."""
    gone = gone_after(mark, seconds=GONE_SECONDS)
    left = kill_all(mark) if gone is None else []
    return gone, [f"still there: {told}" for told in left]


def _start(case: Case, house: House, home: Path) -> tuple[Run, str]:
    mark = f"{case.number}-{case.target}-{time.time_ns()}"
    if case.way == "deployment":
        return house.deployment(home, case.overrides, mark), mark
    return house.command(home, case.overrides, mark, server=case.with_server), mark


def _disturb(case: Case, house: House, run: Run, mark: str, span: float, row: Row) -> None:
    """Wait for the target and then for its moment; kill."""
    began = time.monotonic()
    first = case.target if case.target in MARKED else "flow"
    _wait_for(first, run, mark)
    time.sleep(case.moment * span)
    if not run.is_running():
        return
    if isinstance(run, DeploymentRun) and case.target == "cancel":
        row.at, row.victim = time.monotonic() - began, "flow run"
        house.cancel(run)
        return
    if case.target in SERVERS:
        row.at, row.victim = time.monotonic() - began, case.target
        house.kill(case.target, case.signal)
        time.sleep(case.absence)
        house.up()
        return
    victims = _wait_for(case.target, run, mark)
    row.at = time.monotonic() - began
    if not victims:
        return
    victim = random.Random(f"{case.number}").choice(victims)
    row.victim = str(victim.pid)
    with suppress(psutil.NoSuchProcess):
        victim.send_signal(case.signal)


def _wait_for(role: str, run: Run, mark: str) -> list[psutil.Process]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and run.is_running():
        found = roles(mark).get(role)
        if found:
            return found
        time.sleep(POLL_SECONDS)
    return []
