"""A worker asks for runs when it is told that one was ordered, and listens again after an outage."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prefect.utilities.dispatch import lookup_type
from prefect.workers.base import BaseWorker
from prefect.workers.process import ProcessWorker

from tasks import prefect_worker
from tasks.prefect_worker import GnerWorker


class Server:
    """Stands in for what a worker is told and what it asks."""

    def __init__(self) -> None:
        self.ordered: asyncio.Queue[str] = asyncio.Queue()
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.outages = 0

    @asynccontextmanager
    async def events(self, wanted: Any, **_: Any) -> AsyncIterator[AsyncIterator[str]]:
        if self.outages:
            self.outages -= 1
            raise ConnectionRefusedError
        yield self._told(wanted.event.name)

    async def _told(self, names: list[str]) -> AsyncIterator[str]:
        while True:
            name = await self.ordered.get()
            if name in names:
                yield name

    async def question(self) -> None:
        async with asyncio.timeout(5):
            await self.asked.get()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    given = Server()

    async def ask(_: ProcessWorker) -> list[Any]:
        given.asked.put_nowait("runs?")
        return []

    async def nothing(*_: Any) -> None:
        return None

    monkeypatch.setattr(ProcessWorker, "get_and_submit_flow_runs", ask)
    monkeypatch.setattr(ProcessWorker, "setup", nothing)
    monkeypatch.setattr(ProcessWorker, "teardown", nothing)
    monkeypatch.setattr(prefect_worker, "get_events_subscriber", given.events)
    monkeypatch.setattr(prefect_worker, "STORED_SECONDS", 0.0)
    monkeypatch.setattr(prefect_worker, "AGAIN_SECONDS", 0.01)
    return given


@asynccontextmanager
async def listening() -> AsyncIterator[None]:
    worker = GnerWorker(work_pool_name="cpu")
    await worker.setup()
    yield
    await worker.teardown()


def test_a_worker_asks_when_a_run_is_ordered_and_for_nothing_else(server: Server) -> None:
    async def scenario() -> None:
        async with listening():
            server.ordered.put_nowait("prefect.flow-run.Completed")
            server.ordered.put_nowait("prefect.flow-run.Scheduled")
            await server.question()
            await asyncio.sleep(0.05)
            assert server.asked.empty()
            server.ordered.put_nowait("prefect.flow-run.Scheduled")
            await server.question()

    asyncio.run(scenario())


def test_a_worker_listens_again_when_the_server_was_away(server: Server) -> None:
    server.outages = 3

    async def scenario() -> None:
        async with listening():
            server.ordered.put_nowait("prefect.flow-run.Scheduled")
            await server.question()

    asyncio.run(scenario())
    assert server.outages == 0


def test_a_worker_that_has_ended_does_not_listen(server: Server) -> None:
    async def scenario() -> None:
        async with listening():
            await asyncio.sleep(0.02)
        server.ordered.put_nowait("prefect.flow-run.Scheduled")
        await asyncio.sleep(0.05)

    asyncio.run(scenario())
    assert server.asked.empty()


def test_prefect_finds_it_and_it_serves_pools_of_prefects_own_type() -> None:
    from prefect.plugins import load_prefect_collections

    load_prefect_collections()
    found = lookup_type(BaseWorker, "gner")
    assert found is GnerWorker
    assert found.type == "process"
    assert lookup_type(BaseWorker, "process") is ProcessWorker
