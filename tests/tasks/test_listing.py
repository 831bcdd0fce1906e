"""The list of checkpoints."""

from pathlib import Path

from gner_core.store.artifacts import Store
from tasks.checkpoints.listing import list_models
from tasks.checkpoints.registry import CHECKPOINT, CREATED, WHERE
from tasks.tracking.records import RunRecord, Version


class OneFolder:
    """Two checkpoints that lay in one folder, one after the other."""

    def runs(self, kind: str) -> list[RunRecord]:
        return []

    def versions(self, model: str | None) -> list[Version]:
        made = {1: "2026-01-01", 2: "2026-01-02"}
        return [
            Version(n, None, {CHECKPOINT: f"key{n}", WHERE: "/models/a", CREATED: made[n]})
            for n in (1, 2)
        ]

    def aliases(self, model: str) -> dict[str, int]:
        return {"champion": 1}


def test_versions_of_one_folder_have_a_row_each_with_their_own_alias(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"), scratch=tmp_path / "work")
    rows = [(one.name, one.version, one.aliases) for one in list_models(store, OneFolder())]
    assert rows == [("a", 2, ()), ("a", 1, ("champion",))]
