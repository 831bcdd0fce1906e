"""Two thousand requests of sixteen clients, wrong, huge and cancelled ones among them."""

from pathlib import Path

import pytest

import gner_core
from gner_core.config.checkpoint import VERSION, Description, describe
from gner_core.systems.gner.targets import BIO
from tasks.checkpoints.foreign import Usable
from tests.benchmarks.serving.load import (
    GIVEN_UP,
    GOOD,
    HUGE,
    LONG,
    WRONG,
    demo_texts,
    differing,
    metrics,
    mixed_load,
)
from tests.benchmarks.serving.servers import gner_server, options_of
from tests.gner_core.conftest import TinyModel


@pytest.mark.slow
def test_a_mixed_load_gets_right_answers_and_leaves_nothing(
    tiny_llama: TinyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = Description(version=VERSION, backbone=tiny_llama.backbone, target=BIO, types=("city",))
    describe(tiny_llama.folder, about)
    monkeypatch.setenv("GNER_HOME", str(tmp_path))
    asks, log = demo_texts(100), tmp_path / "log"
    with gner_server(Usable(tiny_llama.folder, about), *options_of("float32", 16), log=log) as address:  # fmt: skip
        mixed_load(address, requests=500, clients=16, asks=asks)  # memory that stays
        before = metrics(address)
        found = mixed_load(address, requests=2000, clients=16, asks=asks)
        after = metrics(address)
    assert found.statuses.total() == 2000
    statuses = {kind: {s for k, s in found.statuses if k == kind} for kind, _ in found.statuses}
    assert statuses[GOOD] == statuses[LONG] == {200}
    assert statuses[WRONG] <= {400, 422}
    assert statuses[HUGE] == {413}
    assert statuses[GIVEN_UP] <= {0, 200}
    assert found.statuses[GIVEN_UP, 0] > 20
    assert after["gner_requests_unfinished"] == 0
    assert after["gner_tasks"] <= before["gner_tasks"] + 2
    assert after["process_open_fds"] <= before["process_open_fds"] + 2
    assert after["process_resident_memory_bytes"] < before["process_resident_memory_bytes"] + 60e6
    assert after["gner_pass_windows_sum"] / after["gner_pass_windows_count"] > 4
    assert log.read_text().count("\n") == 1
    model = gner_core.load(tiny_llama.folder, dtype="float32")
    wrong = [
        ask
        for ask, answers in found.answers.items()
        for one in answers
        if differing(one, model.predict(ask.text, ask.types).to_dicts())
    ]
    assert wrong == []
