"""Clients of a server: steady ones, and some that send what is wrong, too large, or go away."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx

from gner_core.config.reading.files import read_experiment
from gner_core.corpora.prepare import corpus_folder, stream_split
from tests.conftest import ROOT

JSON = {"content-type": "application/json"}
PATIENCE = 600.0
GOOD, LONG, WRONG, HUGE, GIVEN_UP = "good", "long", "malformed", "huge", "cancelled"
SHARES = {GOOD: 0.72, LONG: 0.03, WRONG: 0.1, HUGE: 0.05, GIVEN_UP: 0.1}
"""Of the requests of a mixed load."""
MALFORMED = (
    b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 50_000, b'{"texts": "a"}', b'{"texts": [5]}',
    b'{"texts": ["a"], "types": []}', b'{"texts": ["a"], "types": ["x", "X"]}',
    b'{"texts": ["a \\ud83d b"]}', b'{"texts": ["a"], "threshold": 7}', b'{"texts": ["a"], "typs": []}',
)  # fmt: skip


class Ask(NamedTuple):
    """A text with its types."""

    text: str
    types: tuple[str, ...]


def demo_texts(number: int, *, longest: int = 60) -> list[Ask]:
    """Sentences of the demo corpora, each with the types of its corpus, in a fixed mixed order."""
    corpora = read_experiment(ROOT / "params" / "demo.yaml", overrides=[]).corpora
    folder = corpus_folder("package")
    found = [
        Ask(" ".join(s.words), s.types)
        for name, corpus in corpora.items()
        for split in ("valid", "train", "test")
        if split in corpus.splits
        for s in stream_split(name, corpus, split=split, folder=folder, repairs=Counter())
        if len(s.words) <= longest
    ]
    random.Random(1).shuffle(found)
    return [found[n % len(found)] for n in range(number)]


class Rate(NamedTuple):
    """What steady clients got."""

    a_second: float
    median: float
    slowest: float
    """Seconds from request to answer."""


def rate(send: Callable[[httpx.Client, Ask], object], asks: Sequence[Ask], *, address: str, clients: int) -> Rate:  # fmt: skip
    """Send requests from some clients, each with one at a time."""
    took: list[float] = []
    waiting = iter(asks)
    lock = threading.Lock()

    def run() -> None:
        with httpx.Client(base_url=address, timeout=PATIENCE) as client:
            while True:
                with lock:
                    ask = next(waiting, None)
                if ask is None:
                    return
                began = time.monotonic()
                send(client, ask)
                took.append(time.monotonic() - began)

    began = time.monotonic()
    with ThreadPoolExecutor(clients) as threads:
        for done in [threads.submit(run) for _ in range(clients)]:
            done.result()
    total = time.monotonic() - began
    in_order = sorted(took)
    return Rate(len(asks) / total, in_order[len(in_order) // 2], in_order[-1])


def ask_gner(client: httpx.Client, ask: Ask) -> Any:
    """Return the entities."""
    answer = client.post("/v1/predict", json={"texts": [ask.text], "types": ask.types})
    answer.raise_for_status()
    return answer.json()["predictions"][0]["entities"]


def ask_mlflow(client: httpx.Client, ask: Ask) -> Any:
    """Return the entities."""
    body = {"dataframe_records": [{"text": ask.text}], "params": {"types": ask.types}}
    answer = client.post("/invocations", json=body)
    answer.raise_for_status()
    return answer.json()["predictions"][0]["entities"]


@dataclass
class Mixed:
    """What a mixed load got."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    """(kind of request, status) → number; 0 stands for requests that were given up."""
    answers: dict[Ask, list[Any]] = field(default_factory=dict)
    """All answers to a request that is right."""
    seconds: float = 0.0
    health: list[float] = field(default_factory=list)
    """Seconds that /health took, asked all the while."""


def mixed_load(address: str, *, requests: int, clients: int, asks: Sequence[Ask]) -> Mixed:
    """Send right, malformed, huge and cancelled requests from some clients, in a fixed order."""
    draw = random.Random(7)
    kinds = draw.choices([*SHARES], [*SHARES.values()], k=requests)
    plan = [(kind, draw.choice(asks), draw.random()) for kind in kinds]
    found, lock, ended = Mixed(), threading.Lock(), threading.Event()
    waiting = iter(plan)

    def run() -> None:
        with httpx.Client(base_url=address, timeout=PATIENCE) as client:
            while True:
                with lock:
                    one = next(waiting, None)
                if one is None:
                    return
                kind, ask, chance = one
                if kind == LONG:
                    ask = Ask(" ".join([ask.text] * 12), ask.types)
                status, entities = _send(client, kind, ask, chance)
                with lock:
                    found.statuses[kind, status] += 1
                    if status == 200:
                        found.answers.setdefault(ask, []).append(entities)

    def watch() -> None:
        with httpx.Client(base_url=address, timeout=PATIENCE) as client:
            while not ended.wait(0.2):
                began = time.monotonic()
                client.get("/health")
                found.health.append(time.monotonic() - began)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    with ThreadPoolExecutor(clients) as threads:
        for done in [threads.submit(run) for _ in range(clients)]:
            done.result()
    found.seconds = time.monotonic() - began
    ended.set()
    watcher.join()
    return found


def _send(client: httpx.Client, kind: str, ask: Ask, chance: float) -> tuple[int, Any]:
    body: Any = {"json": {"texts": [ask.text], "types": ask.types}}
    if kind == WRONG:
        body = {"content": MALFORMED[int(chance * len(MALFORMED))], "headers": JSON}
    elif kind == HUGE:
        body = {"json": {"texts": ["a " * int(60_000 + 2_000_000 * chance)]}}
    try:
        patience = 0.005 + 0.3 * chance if kind == GIVEN_UP else PATIENCE
        answer = client.post("/v1/predict", **body, timeout=patience)
    except httpx.TimeoutException:
        return 0, None
    right = answer.status_code == 200
    return answer.status_code, answer.json()["predictions"][0]["entities"] if right else None


def metrics(address: str) -> dict[str, float]:
    """Return the values of /metrics that have no labels."""
    lines = httpx.get(f"{address}/metrics", timeout=PATIENCE).text.splitlines()
    pairs = (line.split() for line in lines if line[:1] != "#" and "{" not in line)
    return {name: float(value) for name, value in pairs}


def differing(found: Sequence[dict[str, Any]], wanted: Sequence[dict[str, Any]]) -> bool:
    """Say whether entities are others, or their confidences differ in more than the last digits."""
    if [{**e, "confidence": 0} for e in found] != [{**e, "confidence": 0} for e in wanted]:
        return True
    pairs = zip(found, wanted, strict=True)
    return any(abs(a["confidence"] - b["confidence"]) > 1e-3 for a, b in pairs)
