"""Making the environment: with a stand-in for venv and pip, since the real ones take minutes."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gner_core.errors import InputError
from gner_core.systems.gliner import environment
from gner_core.systems.gliner.environment import REQUIREMENTS, Found, install, installed, look

HELLO = """print('{"ok": true, "gliner": "0", "device": "cpu"}')"""


class Pip:
    """Notes what is run; makes a folder with this Python in it, and fails when told to."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.environments: list[dict[str, str]] = []
        self.fails = False

    def __call__(self, arguments: list[str], **how: Any) -> subprocess.CompletedProcess[str]:
        self.ran.append(arguments)
        self.environments.append(how["env"])
        if "venv" in arguments:
            python = Path(arguments[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True, exist_ok=True)
            if not python.exists():
                python.symlink_to(sys.executable)
        said = "looking\nERROR: No matching distribution found for torch==2.13.0\nhint"
        failed = self.fails and "pip" in arguments
        return subprocess.CompletedProcess(arguments, int(failed), "", said if failed else "")


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pip:
    stand_in = Pip()
    monkeypatch.setattr("gner_core.systems.gliner.environment.subprocess.run", stand_in)
    script = tmp_path / "hello.py"
    script.write_text(HELLO)
    monkeypatch.setattr(environment, "SCRIPT", script)
    return stand_in


def made(home: Path, *, index: str | None = None) -> Found:
    return install(home, index=index, say=lambda line: None)


def test_it_is_made_once(pip: Pip, tmp_path: Path) -> None:
    assert look(tmp_path).state == "missing"
    found = made(tmp_path)
    assert (found.state, found.facts) == ("installed", {"gliner": "0", "device": "cpu"})
    assert installed(tmp_path) == found.folder == tmp_path / "systems" / "gliner"
    assert [one[1:3] for one in pip.ran] == [["-m", "venv"], ["-m", "pip"]]
    assert str(REQUIREMENTS) in pip.ran[1]
    assert made(tmp_path) == found
    assert len(pip.ran) == 2


def test_a_failure_of_pip_is_told_and_the_same_command_goes_on(pip: Pip, tmp_path: Path) -> None:
    pip.fails = True
    with pytest.raises(InputError, match=r"(?s)pip failed with code 1; run it again.*No matching"):
        made(tmp_path)
    assert look(tmp_path).state == "missing"
    with pytest.raises(InputError, match="gner systems install gliner"):
        installed(tmp_path)
    packages = tmp_path / "systems" / "gliner" / "lib" / "python3.11" / "site-packages"
    whole, half = packages / "whole-1.dist-info", packages / "half-1.dist-info"
    for record in (whole, half):
        record.mkdir(parents=True)
    (whole / "INSTALLER").write_text("pip")
    pip.fails = False
    assert made(tmp_path).state == "installed"
    assert whole.exists() and not half.exists()


def test_other_requirements_make_it_anew(
    pip: Pip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path)
    changed = tmp_path / "requirements.txt"
    changed.write_text(REQUIREMENTS.read_text() + "more==1\n")
    monkeypatch.setattr(environment, "REQUIREMENTS", changed)
    assert look(tmp_path).state == "outdated"
    with pytest.raises(InputError, match="another version of gner"):
        installed(tmp_path)
    assert made(tmp_path, index="https://packages.test/simple").state == "installed"
    assert pip.ran[-1][-2:] == ["--extra-index-url", "https://packages.test/simple"]


def test_settings_of_our_environment_do_not_reach_pip(
    pip: Pip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONSTRAINT", "constraints.txt")
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.test/simple")
    made(tmp_path)
    assert all("PIP_CONSTRAINT" not in one for one in pip.environments)
    assert all(one["PIP_INDEX_URL"] == "https://mirror.test/simple" for one in pip.environments)


def test_every_requirement_is_exact_and_torch_is_ours(root: Path) -> None:
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if not line.startswith("#")]
    pins = dict(line.split("==") for line in lines)
    assert all(re.fullmatch(r"[\w.]+", version) for version in pins.values())
    assert pins["gliner"] == "0.2.29"
    ours = dict(
        re.findall(r"^([\w.-]+)==(\S+)$", (root / "constraints.txt").read_text(), re.MULTILINE)
    )
    assert pins["torch"] == ours["torch"]
