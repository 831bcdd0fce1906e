"""README and manual stay true: the commands that they show are accepted, the files are there."""

import re
import shlex
from itertools import takewhile
from pathlib import Path

import pytest
from typer.main import get_command

from flows.cli.main import app
from gner_core.config.reading.check import check_file

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4}(.*)$", re.MULTILINE)
COMMAND = re.compile(r"^(?:\.venv/bin/)?gner (.*)$", re.MULTILINE)
FILE = re.compile(r"\b(?:params|deploy|docs|gner_core|tasks|flows)/[\w./-]*\w\.[a-z]+\b")


def commands(page: Path) -> list[list[str]]:
    """Return the words behind `gner` of each command in the code of a page, without redirections."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    code = "\n".join(FENCED.findall(text) + INDENTED.findall(text))
    found = [shlex.split(line, comments=True) for line in COMMAND.findall(code)]
    return [list(takewhile(lambda word: word not in "<>&", words)) for words in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_accepted(page: Path) -> None:
    for words in commands(page):
        command, rest = get_command(app), [*words]
        while rest and (groups := getattr(command, "commands", None)):
            command = groups[rest.pop(0)]
        command.make_context(command.name, rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_are_there(page: Path) -> None:
    named = FILE.findall(page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_experiments_and_sweeps_of_the_manual_are_valid(tmp_path: Path) -> None:
    given = {"models/x.yaml": "models/tiny-t5.yaml", "corpora.yaml": "corpora/demo.yaml"}
    (tmp_path / "docs" / "models").mkdir(parents=True)
    for name, file in given.items():
        (tmp_path / "docs" / name).write_bytes((ROOT / "params" / file).read_bytes())
    for link in (tmp_path / "docs" / "params", tmp_path / "demo.yaml", tmp_path / "corpora"):
        named = ROOT / "params" / link.name
        link.symlink_to(named if named.exists() else ROOT / "params")
    (tmp_path / "models").symlink_to(ROOT / "params" / "models")
    blocks = [block for page in PAGES for block in YAML.findall(page.read_text(encoding="utf-8"))]
    (catalog,) = [block for block in blocks if "labels_to_o" in block]
    (tmp_path / "docs" / "my-corpora.yaml").write_text(catalog)
    whole = [block for block in blocks if "stages:" in block or "axes:" in block]
    assert len(whole) >= 3
    for number, block in enumerate(whole):
        written = tmp_path / "docs" / f"{number}.yaml"
        written.write_text(block)
        assert check_file(written) in ("experiment", "sweep")


def test_every_group_of_commands_is_shown() -> None:
    shown = {words[0] for page in PAGES for words in commands(page)}
    assert shown >= {"run", "check", "predict", "score", "compare", "data", "bench", "reevaluate"}
