"""README and manual stay true: the commands that they show are accepted, the files are there."""

import re
import shlex
from itertools import takewhile
from pathlib import Path

import pytest
from typer.main import get_command

from flows.cli.main import app

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4}(.*)$", re.MULTILINE)
COMMAND = re.compile(r"^(?:\.venv/bin/)?gner (.*)$", re.MULTILINE)
FILE = re.compile(r"\b(?:params|deploy|docs|gner_core|tasks|flows)/[\w./-]*\w\.[a-z]+\b")


def commands(page: Path) -> list[list[str]]:
    """Return the words behind `gner` of each command in the code of a page, without redirections."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    code = "\n".join(FENCED.findall(text) + INDENTED.findall(text))
    found = [shlex.split(line, comments=True) for line in COMMAND.findall(code)]
    return [list(takewhile(lambda word: word not in "<>", words)) for words in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_accepted(page: Path) -> None:
    for words in commands(page):
        command, rest = get_command(app), [*words]
        while groups := getattr(command, "commands", None):
            command = groups[rest.pop(0)]
        command.make_context(command.name, rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_are_there(page: Path) -> None:
    named = FILE.findall(page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_group_of_commands_is_shown() -> None:
    shown = {words[0] for page in PAGES for words in commands(page)}
    assert shown >= {"run", "check", "predict", "score", "compare", "data", "bench", "reevaluate"}
