"""The protocol, against a small child process that does what a test wants of it."""

import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from gner_core.config.systems.gliner import GlinerSystem
from gner_core.errors import InputError, Stopped
from gner_core.records import Sentence
from gner_core.systems.gliner.engine import Gliner
from gner_core.systems.gliner.process import Child

CHILD = r"""
import json, os, sys, time
if sys.argv[1] == "slow":
    time.sleep(float(sys.argv[2]))
if sys.argv[1] == "broken":
    sys.exit("no module named gliner")
print('{"ok": true, "gliner": "0"}', flush=True)
for line in sys.stdin:
    request = json.loads(line)
    do = request["do"]
    if do == "crash":
        print("the last words", file=sys.stderr, flush=True)
        os.kill(os.getpid(), 9)
    elif do == "garbage":
        print(request["line"], flush=True)
    elif do == "half":
        print('{"ok": tr', end="", flush=True)
        sys.exit(3)
    elif do == "sleep":
        print('{"progress": {"done": 1}}', flush=True)
        time.sleep(60)
    elif do == "fault":
        print('{"ok": false, "error": "such a folder is not there"}', flush=True)
    elif do == "load":
        print('{"ok": true, "most_words": 3}', flush=True)
    elif do == "answer":
        rows = [[0, 1, one["types"][0], 0.9] for one in request["sentences"]]
        print('{"progress": {"done": 1, "total": 2}}', flush=True)
        answers = [{"candidates": [row]} for row in rows]
        print(json.dumps({"ok": True, "answers": answers}), flush=True)
    else:
        print(json.dumps({"ok": True, "echo": request}), flush=True)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "child.py"
    path.write_text(CHILD)
    return path


def command(script: Path, *arguments: str) -> list[str]:
    return [sys.executable, str(script), *(arguments or ("plain",))]


def test_requests_are_answered_one_after_the_other(script: Path) -> None:
    with Child(command(script)) as child:
        assert child.hello["gliner"] == "0"
        big = "ä\u2028" * 200_000  # more than a pipe holds
        assert child.ask({"do": "echo", "text": big})["echo"]["text"] == big
        with pytest.raises(InputError, match=r"^such a folder is not there$"):
            child.ask({"do": "fault"})
        assert child.ask({"do": "echo"})["ok"]
        process = psutil.Process(child.process.pid)
    assert not process.is_running()


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"do": "crash"}, "(?s)code -9; its log ends with:.*the last words"),
        ({"do": "half"}, "code 3"),
        ({"do": "garbage", "line": "Loading weights: 100%"}, "no answer: b'Loading weights"),
        ({"do": "garbage", "line": "[1]"}, "no answer"),
        ({"do": "garbage", "line": "{}"}, "no answer"),
        ({"do": "garbage", "line": "[" * 5000}, "no answer"),
    ],
)
def test_a_crash_or_garbage_is_told_and_ends_the_child(
    script: Path, request_: dict[str, str], message: str
) -> None:
    with Child(command(script)) as child:
        with pytest.raises(RuntimeError, match=message):
            child.ask(request_)
        assert child.process.returncode is not None


def test_a_slow_start_is_waited_for_but_not_for_ever(script: Path) -> None:
    with Child(command(script, "slow", "0.7")) as child:
        assert child.hello["ok"]
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="not ready after 0 s"):
        Child(command(script, "slow", "60"), start_seconds=0.3)
    assert time.monotonic() - began < 10


def test_an_environment_that_cannot_start_shows_why(script: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)code 1.*no module named gliner"):
        Child(command(script, "broken"))


def test_a_cancelled_request_ends_at_once(script: Path) -> None:
    given_up = threading.Event()
    began = time.monotonic()
    with Child(command(script), given_up=given_up) as child:
        with pytest.raises(Stopped):
            child.ask({"do": "sleep"}, on_progress=lambda _: given_up.set())
        assert child.process.returncode == -9
    assert time.monotonic() - began < 10


def test_settings_of_this_python_do_not_reach_the_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    shows = tmp_path / "shows.py"
    shows.write_text(
        "import json, os\n"
        "names = ('PYTHONPATH', 'PYTHONHASHSEED', 'HF_HUB_OFFLINE')\n"
        "print(json.dumps({'ok': True, **{name: os.environ.get(name) for name in names}}))\n"
    )
    with Child([sys.executable, str(shows)]) as child:
        assert child.hello["PYTHONPATH"] is None
        assert (child.hello["PYTHONHASHSEED"], child.hello["HF_HUB_OFFLINE"]) == ("0", "1")


def test_the_engine_speaks_the_protocol(script: Path, params: GlinerSystem) -> None:
    sentences = [
        Sentence(str(n), "made", ("Ada", "waves"), ("O", "O"), ("person", "person"))
        for n in range(3)
    ]
    seen: list[object] = []
    with Gliner(
        params,
        model=Path("model"),
        start=command(script),
        batch=2,
        threads=1,
        dtype="float32",
        too_long="skip",
        on_progress=seen.append,
    ) as engine:
        assert engine.facts["most_words"] == 3
        assert engine.answer(sentences) == [('{"candidates": [[0, 1, "person", 0.9]]}',)] * 3
    assert seen == [{"done": 1, "total": 2}]
