"""What is recorded of the code where git cannot be asked for it."""

from pathlib import Path

import pytest

from tasks import provenance


@pytest.mark.parametrize("git", ["missing", "failing"])
def test_without_an_answer_of_git_the_commit_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, git: str
) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "tasks" / "provenance.py"))
    if git == "missing":
        monkeypatch.setenv("PATH", str(tmp_path))
    provenance.code.cache_clear()
    known = [provenance.facts(), provenance.facts()]
    provenance.code.cache_clear()
    assert [one["code"] for one in known] == [{}, {}]
    assert "mlflow.source.git.commit" not in provenance.tags(known[0])
    said = f"{tmp_path}: the commit is not recorded, git cannot tell it"
    assert [line.startswith(said) for line in caplog.messages] == [True]
