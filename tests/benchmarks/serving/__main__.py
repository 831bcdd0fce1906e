"""Measures `gner serve`.

    python -m tests.benchmarks.serving rates params/models/smollm2-135m.yaml
    python -m tests.benchmarks.serving mixed params/models/smollm2-135m.yaml --dtype float32

`rates`: requests a second by the number of clients, beside `mlflow models serve` of the same model.
`mixed`: right, malformed, huge and cancelled requests together; statuses, leaks, and answers beside
those of `predict`.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import httpx
import typer
from rich.table import Table

import gner_core
from flows.cli.messages import input_errors
from flows.views.output import Output
from gner_core.config.backbone import BackboneParams
from tasks.checkpoints.foreign import Usable, usable
from tasks.paths import made_home
from tests.benchmarks.serving.load import (
    Ask,
    Rate,
    ask_gner,
    ask_mlflow,
    demo_texts,
    differing,
    metrics,
    mixed_load,
    rate,
)
from tests.benchmarks.serving.servers import gner_server, mlflow_server, options_of

CLIENTS = (1, 4, 16)
FORMATS = ("float32", "bfloat16")
MB = 1e6
Model = Annotated[str, typer.Argument(help="Folder, key or models file.")]
app = typer.Typer(pretty_exceptions_enable=False)
console = Output()


@app.command()
def rates(
    model: Model,
    requests: Annotated[int, typer.Option(help="For each number of clients.")] = 96,
    batch: int = 16,
    dtype: Annotated[list[str] | None, typer.Option(help="Repeatable.")] = None,
    mlflow: bool = True,
) -> None:
    """Print requests a second at 1, 4 and 16 clients."""
    table = Table(
        "server", "dtype", "clients", "requests/s", "× one at a time", "median s", "slowest s"
    )
    with input_errors(), TemporaryDirectory(prefix="gner-bench-") as scratch:
        given, log = usable(model, None), Path(scratch) / "server.log"
        for form in dtype or FORMATS:
            there = computing_in(given, form)
            with gner_server(there, *options_of(form, batch), log=log) as address:
                _measure(table, ("gner serve", form), address, ask_gner, requests)
            if mlflow:
                with mlflow_server(there, home=made_home(), log=log) as address:
                    _measure(table, ("mlflow models serve", form), address, ask_mlflow, requests)
    console.print(table)


@app.command()
def mixed(
    model: Model,
    requests: int = 2000,
    clients: int = 16,
    dtype: str = "float32",
    batch: int = 16,
    different: Annotated[int, typer.Option(help="Texts that are asked about.")] = 200,
) -> None:
    """Print how a server stands a load of right, malformed, huge and cancelled requests."""
    asks = demo_texts(different)
    with input_errors(), TemporaryDirectory(prefix="gner-bench-") as scratch:
        there = computing_in(usable(model, None), dtype)
        log = Path(scratch) / "server.log"
        with gner_server(there, *options_of(dtype, batch), log=log) as address:
            mixed_load(address, requests=requests // 4, clients=clients, asks=asks)  # warm
            before = metrics(address)
            found = mixed_load(address, requests=requests, clients=clients, asks=asks)
            after = metrics(address)
        console.print(f"{requests} requests of {clients} clients in {found.seconds:.1f} s")
        for (kind, status), count in sorted(found.statuses.items()):
            console.print(f"  {kind:<10} {status or 'closed':<7} {count:>6,}")
        for name, unit in (("process_resident_memory_bytes", MB), ("process_open_fds", 1), ("gner_tasks", 1), ("gner_requests_unfinished", 1)):  # fmt: skip
            console.print(f"  {name:<30} {before[name] / unit:>8.0f} → {after[name] / unit:.0f}")
        passes, windows = after["gner_pass_windows_count"], after["gner_pass_windows_sum"]
        console.print(f"  windows in a pass, mean        {windows / passes:>8.1f}")
        health = sorted(found.health)
        console.print(
            f"  /health, median and slowest    {health[len(health) // 2]:.3f} s, {health[-1]:.3f} s"
        )
        predictor = gner_core.load(there.folder, about=there.about, batch=batch, dtype=dtype)
        wrong = 0
        for ask, answers in found.answers.items():
            wanted = predictor.predict(ask.text, ask.types).to_dicts()
            wrong += sum(differing(one, wanted) for one in answers)
        console.print(
            f"  answers unlike predict         {wrong:>8} of {sum(map(len, found.answers.values()))}"
        )
        console.print(f"  log of the server              {len(log.read_text().splitlines())} lines")


def computing_in(there: Usable, dtype: str) -> Usable:
    """Return a checkpoint whose backbone says in which number format it computes."""
    backbone = there.about.backbone.model_dump() | {"dtype": dtype}
    about = there.about.model_copy(update={"backbone": BackboneParams.model_validate(backbone)})
    return Usable(there.folder, about)


def _measure(
    table: Table,
    names: tuple[str, str],
    address: str,
    send: Callable[[httpx.Client, Ask], object],
    requests: int,
) -> None:
    asks = demo_texts(requests)
    rate(send, asks[:8], address=address, clients=4)  # warm
    first: Rate | None = None
    for clients in CLIENTS:
        one = rate(send, asks, address=address, clients=clients)
        first = first or one
        console.print(f"{' '.join(names)}, {clients} clients: {one.a_second:.2f} requests/s")
        times = one.a_second / first.a_second
        table.add_row(
            *names, str(clients), f"{one.a_second:.2f}", f"{times:.2f}", f"{one.median:.2f}",
            f"{one.slowest:.2f}",
        )  # fmt: skip


if __name__ == "__main__":
    app()
