"""The paper's studies in small: every study is part of a group, and no checkpoint is trained twice."""

from collections import defaultdict
from pathlib import Path

import pytest

from gner_core.config.reading.files import read_yaml
from gner_core.config.reading.sweeps import read_runnable
from tasks.plans.points import PlannedPoint, planned_points
from tasks.steps.models import Train

GROUPS = ("first", "second", "third")


@pytest.fixture(scope="module")
def studies(root: Path) -> dict[str, list[PlannedPoint]]:
    """The points of every group, none of whose corpora need be here."""
    folder = root / "params" / "small-paper"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GNER_HOME", "/nowhere")
        return {
            group: planned_points(read_runnable(folder / f"{group}.yaml", overrides=[]))
            for group in GROUPS
        }


def test_every_study_is_part_of_a_group(root: Path) -> None:
    folder = root / "params" / "small-paper"
    files = {f"{group}/{file.name}" for group in GROUPS for file in (folder / group).glob("*")}
    parts = [part for group in GROUPS for part in read_yaml(folder / f"{group}.yaml")["parts"]]
    assert sorted(parts) == sorted(files)


def test_studies_share_their_trainings(studies: dict[str, list[PlannedPoint]]) -> None:
    users: dict[str, set[str]] = defaultdict(set)
    for points in studies.values():
        for label, _, plan in points:
            for step in plan.steps():
                if isinstance(step, Train):
                    users[step.ref.key].add(label.split(" / ")[0])
    shared = sorted(sorted(names) for names in users.values() if len(names) > 1)
    sample = [
        "beams",
        "class-order",
        "context",
        "data",
        "external-types",
        "guided",
        "lean",
        "matching",
        "schema",
        "size",
        "supervised",
        "supervised-systems",
        "systems",
        "types-in-tests",
    ]
    assert shared == sorted(
        [
            [f"small-{name}" for name in sample],  # on 1,000 pieces
            ["small-data", "small-zero-shot"],  # on the whole sample
            [
                f"small-{name}"
                for name in ("guided", "matching", "supervised", "supervised-systems")
            ],
            *[["small-supervised-systems", "small-systems"]] * 2,  # UniNER and InstructUIE
            *[["small-context", "small-schema"]] * 3,  # entities alone, with context 1, with all
        ]
    )
    assert len(users) == 26
