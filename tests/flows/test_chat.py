"""An experiment that tests an endpoint: a stub on loopback, from the command line to the report."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gner_core.config.reading.files import read_catalog
from gner_core.corpora.prepare import corpus_folder, stream_split
from gner_core.records import spans_of
from tests.flows.conftest import PLANTED, Home, files_holding
from tests.gner_core.systems.chat.stub import Stub, answers, error, stub

EXPERIMENT = """
name: asked
data_root: package
corpora: {params}/corpora/demo.yaml
system: {{ kind: chat, base_url: "{url}", model: stub }}
tests:
  zero-shot: {{ of: system, data: {{ corpora: [music], per_corpus: 3 }} }}
execution: {{ chat: {{ parallel: 2, price: {{ prompt: 2, answer: 10 }} }} }}
"""


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with stub() as state:
        yield state


def right(params: Path) -> Callable[[str], str]:
    """Return an endpoint that knows all entities of the corpus music."""
    corpus = read_catalog(params / "corpora" / "demo.yaml")["music"]
    folder = corpus_folder("package")
    known = {
        " ".join(s.words): [
            (span.label, s.words[span.start : span.end]) for span in spans_of(s.tags)
        ]
        for s in stream_split("music", corpus, split="test", folder=folder, repairs=Counter())
    }

    def reply(asked: str) -> str:
        text, kind = re.findall(r'^Text: (.*)$|the type "(.*?)"', asked, re.MULTILINE)
        entities = known[text[0]]
        return json.dumps([" ".join(words) for label, words in entities if label == kind[1]])

    return reply


def test_an_endpoint_is_asked_once_and_scored(
    endpoint: Stub, tmp_path: Path, root: Path, database: Path
) -> None:
    home = Home(tmp_path / "home", root)
    home.folder.mkdir()
    shutil.copy(database, home.folder)
    file = tmp_path / "asked.yaml"
    file.write_text(EXPERIMENT.format(params=root / "params", url=endpoint.url))
    planned = home.gner("run", str(file), "--dry-run")
    assert re.search(r"requests +zero-shot: 18; about [12],\d{3} tokens of prompts", planned.out)
    assert re.search(r"price 0.00\d\d, at most 0.0[45]\d\d", planned.out)

    endpoint.reply = right(root / "params")
    endpoint.faults = [error(403, message=f"no {PLANTED['OPENAI_API_KEY']} here")]
    refused = home.gner("run", str(file))
    assert refused.code == 2 and "HTTP 403: no [key] here" in refused.out + refused.err

    first = len(endpoint.asked)
    endpoint.faults = [answers(None, "content_filter")]
    done = home.gner("run", str(file))
    assert done.code == 0, done.out + done.err
    assert len({*endpoint.asked}) == 18 and len(endpoint.asked) == 19  # the refused one again
    assert first < len(endpoint.asked)
    assert {*endpoint.keys} == {f"Bearer {PLANTED['OPENAI_API_KEY']}"}
    (asked,) = (home.folder / "store" / "ask").iterdir()
    summary = json.loads((asked / "summary.json").read_text())
    assert (summary["calls"], summary["filtered"]) == (18, 1)
    assert summary["money"] == pytest.approx(17 * 300e-6, rel=0.15)
    assert len((asked / "responses.jsonl").read_text().splitlines()) == 18
    (scored,) = (home.folder / "store" / "score").iterdir()
    scores = json.loads((scored / "scores.json").read_text())
    assert scores["macro"]["precision"] == 1.0 and scores["macro"]["recall"] > 0.7
    assert scores["answers"]["all"]["calls"] == 18
    report = (home.folder / "reports" / "asked.html").read_text()
    assert f"stub at {endpoint.url} as it is" in report

    again = home.gner("run", str(file), "--set", "execution.chat.parallel=1")
    assert again.code == 0 and len(endpoint.asked) == 19
    assert not files_holding(home.folder, PLANTED.values())
