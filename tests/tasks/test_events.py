"""What is told to a Prefect server, and when nothing is."""

from pathlib import Path
from typing import Any

import pytest
from prefect.context import TaskRunContext
from prefect.settings import PREFECT_API_URL, temporary_settings

from gner_core.config.reading.files import read_experiment
from tasks import events
from tasks.events import announce
from tasks.plans.experiment import plan_experiment

API = "http://127.0.0.1:9/api"


@pytest.mark.parametrize(
    ("api", "in_task_run", "told"),
    [(API, True, True), (API, False, False), (None, True, False), (None, False, False)],
)
def test_a_checkpoint_is_announced_in_a_task_run_of_a_server_only(
    monkeypatch: pytest.MonkeyPatch, root: Path, api: str | None, in_task_run: bool, told: bool
) -> None:
    emitted: list[dict[str, Any]] = []
    monkeypatch.setattr(events, "emit_event", lambda event, **rest: emitted.append(rest))
    monkeypatch.setattr(TaskRunContext, "get", lambda: object() if in_task_run else None)
    tiny = read_experiment(root / "params" / "tiny.yaml", overrides=[])
    step = plan_experiment(tiny).stages["finetuning"]
    with temporary_settings({PREFECT_API_URL: api}):
        announce(step)
    assert len(emitted) == told
    for one in emitted:
        assert one["resource"]["prefect.resource.id"] == f"gner.checkpoint.{step.ref.key}"
        payload = {"checkpoint": step.ref.path, "step": step.ref.key, "stage": "finetuning"}
        assert one["payload"] == payload
