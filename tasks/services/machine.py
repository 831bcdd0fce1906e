"""Starts and ends the servers and workers of one machine.

Each start has a mark in the environment (`GNER_SERVICES`), which flows, trainings and ranks inherit.
So `down` finds all of them, whoever their parent is now.
"""

import json
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from gner_core.errors import InputError
from gner_core.runtime.files import read_json, write_file
from gner_core.runtime.grace import grace_seconds
from gner_core.runtime.locks import file_lock
from tasks.services import prefect as prefect_setup
from tasks.services.settings import WORKER, Settings, command_of
from tasks.tracking.server import own_store

RECORD, LOCK = "services.json", "services.lock"
MARK = "GNER_SERVICES"
START_SECONDS = 120.0
"""Until a service must answer; a busy machine needs half of it for a new database."""
Say = Callable[[str], object]


class ServiceError(RuntimeError):
    """A service did not start; the message names its log and shows the end of it."""


@dataclass(frozen=True, slots=True)
class Running:
    """A process that was started; with its start time, since process ids are reused."""

    name: str
    pid: int
    started: float

    def process(self) -> psutil.Process | None:
        """Return the process, None when it has ended."""
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 2  # seconds: clocks are adjusted
            if same and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


class Services:
    """The services of one home folder."""

    def __init__(self, home: Path) -> None:
        """Read what is recorded there; start nothing."""
        self.home = home.absolute()
        self.settings: Settings | None = None
        self.mark = ""
        self.running: dict[str, Running] = {}
        if (self.home / RECORD).exists():
            record = read_json(self.home / RECORD)
            given = record["settings"]
            self.settings = Settings(**{**given, "pools": tuple(given["pools"])})
            self.mark = record["mark"]
            self.running = {name: Running(**r) for name, r in record["running"].items()}

    def alive(self) -> list[str]:
        """Return the names of the services that run."""
        return [name for name, running in self.running.items() if running.process()]

    def up(self, settings: Settings, *, say: Say) -> list[str]:
        """Start what does not run and wait until it answers; return the names of what was started.

        Raises:
            InputError: for other settings than those that run, or a port that is taken.
            ServiceError: when a service does not start; what this call started is ended.
        """
        alive = self.alive()
        if alive and self.settings != settings:
            raise InputError(
                f"{self.home / RECORD}: {', '.join(alive)} run with other settings: "
                f"{_differences(self.settings, settings)}; `gner down` ends them"
            )
        missing = [name for name in settings.services() if name not in alive]
        if not missing:
            return []
        if not alive:
            _end_all(marked(self.mark), seconds=0)
        for name in missing:
            self._stop(name, say=say, seconds=0)  # what is left of one whose first process died
        _check_ports(settings, missing)
        self.settings, self.mark = settings, self.mark if alive else uuid.uuid4().hex
        self.home.mkdir(parents=True, exist_ok=True)
        _ = own_store(self.home).experiment  # made before the server runs
        started: list[str] = []
        try:
            for together in settings.waves():
                names = [name for name in together if name in missing]
                started += names
                began, processes = time.monotonic(), {name: self._launch(name) for name in names}
                for name, process in processes.items():
                    self._await(name, process)
                    say(f"{name:<12} answers after {time.monotonic() - began:.1f} s")
                    if name == "prefect":
                        prefect_setup.set_up(settings.api, settings.checkout, say=say)
        except BaseException:
            self.end(started, say=say, seconds=grace_seconds())
            raise
        return started

    def _launch(self, name: str) -> "subprocess.Popen[bytes]":
        """Start one service; do not wait for it."""
        assert self.settings is not None
        command, environment = command_of(name, self.settings, home=self.home, mark=self.mark)
        log = self._log(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out, _default_signals():
            process = subprocess.Popen(
                command,
                cwd=self.home,
                env={**environment, MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running = Running(name, process.pid, psutil.Process(process.pid).create_time())
        self.running[name] = running
        self._write()
        return process

    def _await(self, name: str, process: "subprocess.Popen[bytes]") -> None:
        """Wait until a service answers.

        Raises:
            ServiceError: when it ends, or does not answer in time.
        """
        deadline = time.monotonic() + START_SECONDS
        while not self._answers(self.running[name]):
            if process.poll() is not None:
                raise ServiceError(f"{name} ended at once; {_end_of(self._log(name))}")
            if time.monotonic() > deadline:
                raise ServiceError(f"{name} does not answer; {_end_of(self._log(name))}")
            time.sleep(0.2)

    def _log(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def down(self, *, say: Say, now: bool = False) -> list[str]:
        """End all services with all that they started; return the names of those that ran.

        Workers end first, and with them their flows, whose runs are marked as cancelled while the
        server is still there. With `now`, all are killed and trainings write no checkpoint.
        """
        alive = self.alive()
        self.end([*self.running], say=say, seconds=0 if now else grace_seconds())
        return alive

    def end(self, names: Sequence[str], *, say: Say, seconds: float) -> None:
        """End some services, workers first; what needs longer than `seconds` is killed."""
        workers = [name for name in names if name.startswith(WORKER)]
        for name in workers:
            self._stop(name, say=say, seconds=seconds)
        if workers:
            flows = self._flows_without_worker(workers)
            if flows and seconds:
                say(
                    f"runs have {seconds:g} s to save their state; to kill them: Ctrl-C, gner down --now"
                )
            elif flows:
                say("runs are killed: what they did since their last checkpoint is lost")
            _terminate_first(flows)  # those whose worker was killed do not know yet
            _end_all(flows, seconds=seconds)
            if self.settings and "prefect" in self.alive():
                pools = [name.removeprefix(WORKER) for name in workers]
                for run in prefect_setup.cancel_runs(self.settings.api, pools):
                    say(f"run {run} is cancelled; what it had finished is kept")
        for name in reversed(names):
            self._stop(name, say=say, seconds=seconds)
            self.running.pop(name, None)
        if not self.running:
            _end_all(marked(self.mark), seconds=0)
        self._write()

    def _flows_without_worker(self, ended: Sequence[str]) -> list[psutil.Process]:
        """Return the flows, with all that they started, whose worker is none that stays."""
        services = {running.pid for running in self.running.values()}
        stay = [
            running.process()
            for name, running in self.running.items()
            if name.startswith(WORKER) and name not in ended
        ]
        theirs = {child.pid for one in stay if one for child in one.children(recursive=True)}
        return [
            process
            for process in marked(self.mark)
            if _group(process) not in services and process.pid not in theirs
        ]

    def _stop(self, name: str, *, say: Say, seconds: float) -> None:
        """End a service, and its other processes little later."""
        running = self.running.get(name)
        if running is None:
            return
        began, process = time.monotonic(), running.process()
        if process:
            process.terminate()
            _end_all([process], seconds=seconds)
            say(f"{name:<12} ended after {time.monotonic() - began:.1f} s")
        own = [one for one in marked(self.mark) if _group(one) == running.pid]  # flows have others
        _end_all(own, seconds=min(2, seconds))

    def _answers(self, running: Running) -> bool:
        assert self.settings is not None
        if running.name == "prefect":
            return prefect_setup.is_healthy(f"{self.settings.api}/health")
        if running.name == "mlflow":
            return prefect_setup.is_healthy(f"{self.settings.mlflow}/health")
        pool = running.name.removeprefix(WORKER)
        return prefect_setup.has_worker(self.settings.api, pool, since=running.started)

    def _write(self) -> None:
        """Keep the record, or remove it when nothing runs."""
        record = self.home / RECORD
        if not self.running:
            record.unlink(missing_ok=True)
            return
        assert self.settings is not None
        content = {
            "mark": self.mark,
            "settings": asdict(self.settings),
            "running": {name: asdict(running) for name, running in self.running.items()},
        }
        write_file(record, json.dumps(content, indent=1))


def locked(home: Path) -> AbstractContextManager[None]:
    """Return the lock under which the services of a home folder are changed."""
    return file_lock(home / LOCK)


def marked(mark: str) -> list[psutil.Process]:
    """Return all processes that live and carry a mark."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _group(process: psutil.Process) -> int | None:
    with suppress(ProcessLookupError):
        return os.getpgid(process.pid)
    return None


def _differences(old: Settings | None, new: Settings) -> str:
    before = asdict(old) if old else {}
    changed = [name for name, value in asdict(new).items() if value != before.get(name)]
    return ", ".join(f"{name} {before.get(name)}" for name in changed)


def _check_ports(settings: Settings, names: Sequence[str]) -> None:
    ports = {"prefect": settings.prefect_port, "mlflow": settings.mlflow_port}
    for name in names:
        if name not in ports:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, ports[name]))
            except OSError as error:
                raise InputError(
                    f"port {ports[name]} of {settings.host} for {name}: {error.strerror}; "
                    f"choose another with --{name}-port"
                ) from None


@contextmanager
def _default_signals() -> Iterator[None]:
    """Let a child start with SIGINT and SIGQUIT as they are by default.

    A shell starts `command &` with both ignored, which children inherit, and Prefect stops by SIGINT.
    A handler becomes the default in a child, so one is set meanwhile.
    """
    numbers = (signal.SIGINT, signal.SIGQUIT)
    before = {n: signal.signal(n, signal.default_int_handler) for n in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminate_first(processes: Sequence[psutil.Process]) -> None:
    """Terminate those processes that no other of them has started."""
    numbers = {process.pid for process in processes}
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.ppid() not in numbers:
                process.terminate()


def _end_all(processes: Sequence[psutil.Process], *, seconds: float) -> None:
    """Wait for processes to end by themselves, then kill them."""
    _, left = psutil.wait_procs(processes, timeout=seconds)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=5)


def _end_of(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()[-12:]
    return "\n  ".join([f"the end of {log}:", *lines])
