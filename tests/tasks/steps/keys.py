"""The keys that are pinned: `python -m tests.tasks.steps.keys` writes keys.json anew.

A key that changes unseen orphans the artifacts of every store. Where a change is meant, write the
file anew in the commit that changes the keys.
"""

import json
from pathlib import Path

from gner_core.config.reading.files import read_params
from gner_core.config.reading.sweeps import read_runnable
from gner_core.config.reevaluation import Reevaluation
from tasks.checkpoints.suite import plan_suite
from tasks.plans.points import planned_points
from tasks.steps.models import Stored

FILE = Path(__file__).with_name("keys.json")
PARAMS = Path(__file__).parents[3] / "params"
PLANNED = {
    "tiny": ("tiny.yaml", []),
    "demo": ("demo.yaml", []),
    "real-small": ("real-small.yaml", []),
    "beam-size on tiny": ("sweeps/beam-size.yaml", [f"base={PARAMS / 'tiny.yaml'}"]),
}
"""Name → params file and overrides."""


def planned_keys(name: str) -> dict[str, str]:
    """Every step of a file, as `kind title` (of a sweep with its points), and its key."""
    file, overrides = PLANNED[name]
    return {
        " ".join(filter(None, (step.kind, step.title, label and f"({label})"))): step.ref.key
        for label, _, plan in planned_points(read_runnable(PARAMS / file, overrides=overrides))
        for step in plan.steps()
    }


def other_keys() -> dict[str, str]:
    """The keys of a checkpoint's folder and of the fixed tests of a re-evaluation."""
    files = {"config.json": "1" * 64, "model.safetensors": "2" * 64}
    suite = plan_suite(read_params(Reevaluation, PARAMS / "reevaluate.yaml", overrides=[]))
    return {
        "checkpoint": Stored(title="any", files=files, stored_at=Path("any")).ref.key,
        "reevaluate.yaml": suite.key,
    }


if __name__ == "__main__":
    found = {**{name: planned_keys(name) for name in PLANNED}, "other": other_keys()}
    FILE.write_text(json.dumps(found, indent=1) + "\n")
