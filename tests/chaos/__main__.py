"""`make chaos`: kill every kind of process at random moments, and prove that nothing is lost by it.

    python -m tests.chaos --kills 30 --seed 1
    python -m tests.chaos --seed 1 --only 7      # one case of it again

Every case is a run of params/tiny.yaml, with longer trainings, in a fresh home: as a plain
`gner run` or as a run of a deployment on a Prefect server with a worker and an MLflow server. One
process gets SIGKILL or SIGTERM: flow, fork server of the workers, worker, launcher (torchrun), one
of two ranks, Prefect worker, Prefect server, MLflow server. Servers come back after some seconds.
Some runs are cancelled on the Prefect server instead.

Then must be true: the run ends by itself or by one repeat; weights, loss curves, predictions and
scores are those of an undisturbed run, byte by byte; MLflow has every point once and no run that is
RUNNING; no process is left, no lock held, nothing half-written or unfinished; in the end every flow
run on the Prefect server is in a final state, and every slot is free. Exit code 1 otherwise. Logs
and the homes of failed cases stay in the folder that is printed, and the undisturbed runs: with
`--folder` they are taken again.
"""

import argparse
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from tests.chaos.cases import Launcher, Row, draw, play, undisturbed
from tests.chaos.checks import Outcome
from tests.chaos.house import House

NOTICED_SECONDS = 240.0
"""Until Prefect must have noticed runs that nobody reports any more (deploy/dead-runs.yaml)."""
QUIET = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "TOKENIZERS_PARALLELISM": "false",
}
HEAD = (
    f"{'':>3} {'way':<10} {'launcher':<8} {'target':<11} {'signal':<7} {'at s':>6} {'ended':>10} "
)
HEAD += f"{'gone s':>6} {'repeat':>9} {'took s':>6}  result"


def main() -> None:
    """Play the cases that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Kill and compare.")
    parser.add_argument("--kills", type=int, default=30, help="number of cases")
    parser.add_argument("--seed", type=int, help="drawn and printed by default")
    parser.add_argument("--only", help="numbers of cases to play, such as 3,7-9")
    parser.add_argument("--folder", type=Path, help="for homes and logs; a new one by default")
    parser.add_argument("--ports", type=int, nargs=2, default=(4901, 4902), help="of the servers")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else secrets.randbelow(10_000)
    numbers = _numbers(asked.only) if asked.only else list(range(1, asked.kills + 1))
    folder = (asked.folder or Path(tempfile.mkdtemp(prefix="gner-chaos-"))).absolute()
    os.environ.update(QUIET)
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"seed {seed}, cases {numbers}, folder {folder}")
    with House(folder, ports=tuple(asked.ports)) as house:
        rows = _play_all(seed, numbers, house, console)
        left = house.not_settled(seconds=NOTICED_SECONDS) if house.services else []
    for told in left:
        console.print(f"left on the Prefect server: {told}")
    bad = [row for row in rows if row.problems]
    repeats = sum(bool(row.again) for row in rows)
    slowest = max((row.gone or 0.0) for row in rows)
    console.print(
        f"{len(rows)} kills: {len(rows) - repeats} runs ended well by themselves, {repeats} by one "
        f"repeat, {len(bad)} with problems; the last process was gone {slowest:.1f} s after its "
        f"flow at most; {len(left)} runs or slots left on the Prefect server"
    )
    sys.exit(1 if bad or left else 0)


def _play_all(seed: int, numbers: list[int], house: House, console: Console) -> list[Row]:
    references: dict[Launcher, tuple[Outcome, dict[str, float]]] = {}
    rows = []
    console.print(HEAD)
    for number in numbers:
        case = draw(seed, number)
        if case.launcher not in references:
            began = time.monotonic()
            home = house.folder / f"undisturbed-{case.launcher}"
            references[case.launcher] = undisturbed(house, home, case.overrides)
            seconds = time.monotonic() - began
            points = len(references[case.launcher][0].points)
            console.print(f"  0 undisturbed, {case.launcher}: {seconds:.1f} s, {points} points")
        row = play(case, house, house.folder / f"case-{number:02d}", *references[case.launcher])
        rows.append(row)
        console.print(_told(row))
        for problem in row.problems[:20]:
            console.print(f"      {problem}", markup=False)
    return rows


def _told(row: Row) -> str:
    case = row.case
    gone = "-" if row.gone is None else f"{row.gone:.1f}"
    return (
        f"{case.number:>3} {case.way:<10} {case.launcher:<8} {case.target:<11} "
        f"{case.signal.name:<7} {row.at:>6.1f} {row.first:>10} {gone:>6} {row.again or '-':>9} "
        f"{row.seconds:>6.1f}  {'PROBLEMS' if row.problems else 'equal'}"
    )


def _numbers(given: str) -> list[int]:
    found: list[int] = []
    for part in given.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


if __name__ == "__main__":
    main()
