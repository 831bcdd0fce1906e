"""What is printed is whole at any width, in pipes and on ASCII terminals, and is never markup."""

import io
import logging
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.text import Text
from typer.testing import CliRunner

from flows.cli.main import app
from flows.running.terminal import show_any_text
from flows.views import score, tables
from flows.views.models import predict
from flows.views.output import LogLines, Output, json_text, print_parts
from flows.views.run import show_checkpoints
from flows.views.tables import WholeTable, table_of
from gner_core.store.artifacts import ArtifactRef

NAMES = ("news [v2]", "a corpus [/v2] with a longer :car: name", "antidisestablishmentarianism")
FIGURES = ("gold", "found", "right", "P", "R", "F1", "95 %")
CELLS = ("1,234,567", "23,456", "7,890", "98.76", "100.00", "54.32", "+12.3 … +45.6")


def table() -> WholeTable:
    made = table_of("Title [b]of[/b] the table", ["corpus"], FIGURES)
    for name in NAMES:
        made.add_row(name, *CELLS)
    return made


@pytest.fixture
def printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Print the table at a width; None is a pipe without COLUMNS."""

    def show(width: int | None) -> str:
        monkeypatch.delenv("COLUMNS", raising=False)
        if width:
            monkeypatch.setenv("COLUMNS", str(width))
        Output().print(table())
        return capsys.readouterr().out

    return show


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100])
def test_every_number_and_every_word_is_whole_at_any_width(
    printed: Callable[..., str], width: int
) -> None:
    out = printed(width)
    for cell in CELLS:
        assert len(re.findall(rf"(?<!\S){re.escape(cell)}(?!\S)", out)) == len(NAMES), cell
    words = {
        word for text in (*NAMES, *FIGURES, "Title [b]of[/b] the table") for word in text.split()
    }
    assert words <= {*out.split()}
    needed = len(NAMES[2]) + len(CELLS[-1]) + 4
    assert max(map(len, out.splitlines())) <= max(width, needed)


def test_columns_that_do_not_fit_follow_below_with_the_names_of_their_rows(
    printed: Callable[..., str],
) -> None:
    out = printed(50)
    headings = [line.split() for line in out.splitlines() if line.startswith("corpus ")]
    assert len(headings) > 1
    assert [name for line in headings for name in line[1:] if name != "%"] == [
        name.removesuffix(" %") for name in FIGURES
    ]
    assert out.count(NAMES[2]) == len(headings)


def test_a_pipe_has_one_line_a_row(printed: Callable[..., str]) -> None:
    rows = [line for line in printed(None).splitlines() if CELLS[0] in line]
    assert [row.startswith(name) for row, name in zip(rows, NAMES, strict=True)] == [True] * 3
    assert all(cell in row for row in rows for cell in CELLS)


def test_lines_and_the_log_break_between_words_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    line = "train adaptation: published in 12,345,678.9 seconds as 7ca3c3ad8d2c1f0e"
    path = "report /a/path/that/is/longer/than/the/terminal"
    Output().print(line)
    Output().print(path)
    LogLines(Output()).emit(logging.LogRecord("gner", logging.INFO, "", 1, line, (), None))
    printed, logged = capsys.readouterr().out.split(f"{path}\n")
    for part in (printed, logged.split(" ", 1)[1]):
        assert part.split() == line.split()
        assert len(part.splitlines()) > 1
        assert max(map(len, part.splitlines())) <= 30


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    made = table_of("a\x1b[31mb", ["corpus"], ["F1"])
    made.add_row("x\x1b]0;title\x07y", "1")
    Output().print(made)
    Output().print("log \x9b31m")
    Output().print(Text.assemble("beam ", ("Ada\x1b[31m", "bold"), "\x1b]0;title"))
    assert not re.search(r"[\x1b\x07\x9b]", capsys.readouterr().out)


def test_an_ascii_terminal_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    show_any_text()
    Output().print(table())
    Output().print("Zoë – 東")
    sys.stdout.write(json_text({"text": "Zoë"}))
    sys.stdout.flush()
    out = raw.getvalue().decode("ascii")
    assert "+12.3 ... +45.6" in out
    assert "Zo\\xeb - \\u6771" in out
    assert '{"text": "Zo\\u00eb"}' in out


def test_help_comes_on_an_ascii_terminal() -> None:
    done = CliRunner(charset="ascii").invoke(app, ["data", "--help"])
    assert done.exit_code == 0, done.exception


def test_a_line_that_is_too_wide_goes_on_below_with_its_indent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    print_parts(
        [
            "tiny, decode.beams=2",
            "  too long: 184 tokens of /a/path/that/stays/whole/anyway",
            "device     H200; bfloat16: 989 TFLOP/s",
        ]
    )
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "tiny, decode.beams=2",
        "  too long: 184 tokens of",
        "  /a/path/that/stays/whole/anyway",
        "device     H200; bfloat16: 989",
        "           TFLOP/s",
    ]


def test_outside_a_terminal_progress_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "SECONDS_BETWEEN_LINES", 0.02)
    told = ""

    def until(line: str) -> None:
        nonlocal told
        deadline = time.monotonic() + 20
        while not re.search(rf"^[0-9:]{{8}} {line}$", told, re.MULTILINE):
            assert time.monotonic() < deadline, told
            time.sleep(0.005)
            told += capsys.readouterr().err

    with predict.progress() as show:
        until("loading the model")
        show({"time": 1.0, "done": 2, "total": 9, "share": 0.2})
        show({"time": 2.0, "done": 3, "total": 9, "share": 0.4})
        until("windows of text: 3/9  0:00:03 left")
    with score.progress() as report:
        report(1200)
        until("sentences scored: 1200")


def test_a_printed_command_is_one_line_of_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GNER_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "40")
    show_checkpoints({"adaptation": ArtifactRef("train", "0123456789abcdef0123")}, Output())
    (command,) = [line for line in capsys.readouterr().out.splitlines() if "predict" in line]
    assert command.startswith("  echo")
    assert command.endswith("predict train/01234567")
