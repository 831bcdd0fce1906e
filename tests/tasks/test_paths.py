"""A home folder that cannot be used is told in one line, before anything runs."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from gner_core.errors import InputError
from tasks.paths import home_folder, made_home

WRITING = (["run", "params/tiny.yaml"], ["log-model", "train/0"], ["down"], ["data", "prepare", "ncbi"], ["clean"])  # fmt: skip
READING = (["data", "list"], ["runs"], ["models"], ["run", "params/tiny.yaml", "--dry-run"])


@pytest.mark.parametrize(
    ("place", "reason", "command"),
    [
        *(("{file}", "File exists", command) for command in (*WRITING, *READING)),
        *(("{file}/below", "Not a directory", command) for command in (*WRITING, *READING)),
        *(("/proc/gner", "No such file", command) for command in WRITING),
    ],
)
def test_a_home_that_is_no_folder(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, place: str, reason: str, command: list[str]
) -> None:  # fmt: skip
    file = tmp_path / "file"
    file.touch()
    monkeypatch.chdir(root)
    monkeypatch.setenv("GNER_HOME", place.format(file=file))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2, done.output
    assert f"GNER_HOME {place.format(file=file)}: no folder ({reason}" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["work", "reports"])
def test_a_file_where_a_folder_of_the_home_belongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).touch()
    monkeypatch.setenv("GNER_HOME", str(tmp_path))
    with pytest.raises(InputError, match=f"no folder \\({name} in it is a file"):
        made_home()
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match=f"{name} in it is a file, or a link to nothing"):
        made_home()


@pytest.mark.parametrize("sign", ["?", "%"])
def test_a_home_that_the_address_of_a_database_cannot_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sign: str
) -> None:
    monkeypatch.setenv("GNER_HOME", str(tmp_path / f"a{sign}20b"))
    done = CliRunner().invoke(app, ["runs"])
    assert done.exit_code == 2
    assert f"a{sign}20b: holds {sign!r}" in done.stderr


def test_a_home_is_made_when_something_is_to_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNER_HOME", str(tmp_path / "new" / "home"))
    assert not home_folder().exists()
    assert made_home().is_dir()
    assert not [*made_home().iterdir()]
