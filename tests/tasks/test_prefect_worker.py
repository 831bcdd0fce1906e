"""A worker asks the server at every turn while it has no run, and seldom while it has one."""

import asyncio
from typing import Any

import pytest
from prefect.utilities.dispatch import lookup_type
from prefect.workers.base import BaseWorker
from prefect.workers.process import ProcessWorker

from tasks import prefect_worker
from tasks.prefect_worker import GnerWorker


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for the server's answers and for processes; return what was asked."""
    questions: list[str] = []

    async def ask(_: ProcessWorker) -> list[Any]:
        questions.append("runs?")
        return []

    async def run(_: ProcessWorker, until: asyncio.Event) -> None:
        await until.wait()
        raise RuntimeError("the process could not be started")

    monkeypatch.setattr(ProcessWorker, "get_and_submit_flow_runs", ask)
    monkeypatch.setattr(ProcessWorker, "run", run)
    return questions


async def turns(worker: GnerWorker, count: int) -> None:
    for _ in range(count):
        await worker.get_and_submit_flow_runs()


def test_a_worker_without_a_run_asks_at_every_turn(asked: list[str]) -> None:
    asyncio.run(turns(GnerWorker(work_pool_name="cpu"), 3))
    assert len(asked) == 3


def test_a_worker_with_a_run_asks_seldom(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        worker = GnerWorker(work_pool_name="cpu")
        await turns(worker, 1)
        run = asyncio.create_task(worker.run(asyncio.Event()))
        await asyncio.sleep(0)
        await turns(worker, 5)
        assert len(asked) == 1
        monkeypatch.setattr(prefect_worker, "BUSY_SECONDS", 0.0)
        await turns(worker, 1)
        assert len(asked) == 2
        run.cancel()

    asyncio.run(scenario())


def test_a_worker_with_a_failed_run_asks_again(asked: list[str]) -> None:
    async def scenario() -> None:
        worker, ended = GnerWorker(work_pool_name="cpu"), asyncio.Event()
        ended.set()
        await turns(worker, 1)
        with pytest.raises(RuntimeError):
            await worker.run(ended)
        await turns(worker, 2)

    asyncio.run(scenario())
    assert len(asked) == 3


def test_prefect_finds_it_and_it_serves_pools_of_prefects_own_type() -> None:
    from prefect.plugins import load_prefect_collections

    load_prefect_collections()
    found = lookup_type(BaseWorker, "gner")
    assert found is GnerWorker
    assert found.type == "process"
    assert lookup_type(BaseWorker, "process") is ProcessWorker
