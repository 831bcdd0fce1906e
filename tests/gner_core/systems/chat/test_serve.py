"""Chat against a real server: `transformers serve` on loopback.

A stub stands between the two and notes what is asked.
"""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from gner_core.config.backbone import BackboneParams
from gner_core.config.reading.files import read_params
from gner_core.records import Sentence
from tests.gner_core.conftest import TinyModel
from tests.gner_core.systems.chat.conftest import KEY, MakeEngine
from tests.gner_core.systems.chat.runs import Run
from tests.gner_core.systems.chat.stub import Stub

TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"


@contextmanager
def served(folder: Path, log: Path) -> Iterator[str]:
    """Serve a model folder until the block ends; give the address of its endpoint."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder), *where]
    with log.open("w") as handle:
        server = subprocess.Popen(command, stdout=handle, stderr=handle)
    try:
        deadline = time.monotonic() + 120
        while not is_up(f"http://127.0.0.1:{port}/health"):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()


def is_up(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(url, timeout=5) as response:
        return bool(response.status == 200)
    return False


@pytest.fixture
def asked_about(news: list[Sentence]) -> list[Sentence]:
    """Five sentences of the demo corpus, with two types each."""
    return [replace(sentence, types=("person", "location")) for sentence in news[:5]]


def test_five_sentences_through_a_real_server(
    endpoint: Stub,
    engine: MakeEngine,
    tiny_llama: TinyModel,
    asked_about: list[Sentence],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_llama.folder, folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    system = {"model": str(folder), "answer_tokens": 8}
    with served(folder, tmp_path / "serve.txt") as address:
        endpoint.behind = address
        first = engine(system=system)
        first.answer(asked_about[:2])
        chat = engine(system=system)
        outputs = chat.answer(asked_about)
    assert [len(one) for one in outputs] == [2] * 5
    assert chat.summary["calls"] == len(endpoint.asked) == 10 and not endpoint.twice()
    assert chat.summary["resumed_from"] == 4
    assert chat.summary["cut_off"] + chat.summary["empty"] > 0  # of a model that knows nothing
    assert 0 < chat.summary["answer_tokens"] <= 80 < chat.summary["prompt_tokens"]
    for sentence, answers in zip(asked_about, outputs, strict=True):
        assert chat.read(sentence.words, sentence.types, answers).unread


@pytest.mark.slow
def test_fifty_sentences_of_a_real_model_killed_and_stopped_on_the_way(
    endpoint: Stub, news: list[Sentence], tmp_path: Path, root: Path
) -> None:
    from gner_core.backbones.importing import import_backbone

    folder = tmp_path / "model"
    folder.mkdir()
    file = root / "params" / "models" / "smollm2-135m.yaml"
    import_backbone(read_params(BackboneParams, file), folder=folder, texts=[])
    fifty = [
        replace(sentence, words=("Then", str(turn), *sentence.words), tags=(), types=("person",))
        for turn in range(3)
        for sentence in news
    ][:50]
    with served(folder, tmp_path / "serve.txt") as address:
        endpoint.behind = address
        system = {"base_url": endpoint.url, "model": str(folder), "answer_tokens": 12}
        run = Run(tmp_path / "run", root, fifty, **system)
        assert run.end_at(15, signal.SIGTERM) == 128 + signal.SIGTERM
        assert not endpoint.twice()
        assert run.end_at(30, signal.SIGKILL) == -signal.SIGKILL
        answered = run.questions()
        summary = run.finish()
    print(json.dumps(summary), [len(endpoint.asked), endpoint.twice()])
    assert summary["sentences"] == summary["calls"] == 50
    assert len(endpoint.twice()) <= 1  # the one that was open when the process was killed
    assert len(endpoint.asked) - len(endpoint.twice()) == 50
    assert answered == run.questions()[: len(answered)] and len(answered) >= 30
    assert KEY.encode() not in run.written()
