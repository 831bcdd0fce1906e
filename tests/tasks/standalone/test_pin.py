"""`gner pin` writes a commit into a models file and leaves all else as it is."""

import shutil
from pathlib import Path

import pytest

from gner_core.config.reading.models import RELEASED
from gner_core.errors import InputError
from tasks.standalone.pin import pin_file


def test_only_the_revision_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = "a" * 40
    monkeypatch.setattr("gner_core.hub.commit_of", lambda repo, revision: commit)
    for name in ("gner-t5-large", "gliner-large"):
        file = tmp_path / f"{name}.yaml"
        shutil.copy(RELEASED / file.name, file)
        before = file.read_text()
        done = pin_file(file)
        assert done is not None
        assert (done.before, done.commit) == ("unverified", commit)
        assert file.read_text() == before.replace("revision: unverified", f"revision: {commit}")
        assert pin_file(file) is None


def test_a_model_that_is_not_of_the_hub_has_no_commit(root: Path) -> None:
    with pytest.raises(InputError, match="source: of kind random; only models of the hub"):
        pin_file(root / "params" / "models" / "tiny-t5.yaml")
