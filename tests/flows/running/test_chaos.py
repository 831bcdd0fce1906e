"""A few kills of `make chaos`: nothing is lost, doubled or left, whatever is killed."""

import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.chaos.cases import Case, play, undisturbed
from tests.chaos.checks import Outcome, tracked
from tests.chaos.house import House
from tests.chaos.marked import gone_after, marked

pytestmark = pytest.mark.slow
QUICK = (
    *("execution.checkpoint_every=1", "tests.zero-shot.data.per_corpus=2"),
    *("stages.finetuning=null", "tests.supervised=null", "tests.baseline=null"),
)
"""One training and one test of params/tiny.yaml."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("chaos"), ports=(4911, 4912)) as opened:
        yield opened


@pytest.fixture(scope="module")
def reference(house: House) -> tuple[Outcome, dict[str, float]]:
    return undisturbed(house, house.folder / "undisturbed", QUICK)


@pytest.mark.parametrize("target", [pytest.param("flow", marks=pytest.mark.slow), "fork-server"])
def test_after_sigkill_the_repeat_ends_as_if_nothing_had_been(
    house: House, reference: tuple[Outcome, dict[str, float]], target: str
) -> None:
    case = Case(1, "command", "plain", target, signal.SIGKILL, 0.55, 0.0, QUICK)
    row = play(case, house, house.folder / f"killed-{target}", *reference)
    assert row.problems == []
    assert row.victim
    # A run whose guard dies between two workers starts another one, and ends by itself.
    assert row.again == "0" or (target == "fork-server" and row.first == "0")


def test_sigterm_ends_a_run_in_order(house: House) -> None:
    """Exit code 143, a checkpoint, MLflow's runs KILLED, no process, within seconds."""
    home, mark = house.folder / "ended", f"ended-{time.time_ns()}"
    run = house.command(home, ["stages.adaptation.train.epochs=60"], mark, server=False)
    deadline = time.monotonic() + 90
    while not list(home.glob("work/unfinished/train/*/checkpoint-*")):
        assert time.monotonic() < deadline and run.is_running()
        time.sleep(0.05)
    commands = [" ".join(process.cmdline()) for process in marked(mark)]
    others = [command for command in commands if "gner_core.runtime.fork_server" not in command]
    assert len(others) < len(commands)
    assert not [command for command in others if "server" in command or "uvicorn" in command]
    run.process.send_signal(signal.SIGTERM)
    assert run.ended(seconds=60) == "143"
    assert gone_after(mark, seconds=30) is not None, marked(mark)
    said = (home / "command.log").read_text()
    assert "gner: stopped; run the same command again to go on" in said
    assert "Traceback" not in said
    (scratch,) = home.glob("work/unfinished/train/*")
    assert "goes on from the checkpoint of update" in (scratch / "worker.log").read_text()
    status = {
        run.info.run_name.partition(",")[0]: run.info.status
        for run in tracked(house.tracking(home, server=False))
    }
    assert status["tiny"] == status["adaptation"] == "KILLED"
    assert Counter(status.values())["RUNNING"] == 0
