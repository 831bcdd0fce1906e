"""`gner init` writes an experiment that runs without an edit, and its checkpoint finds entities."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from gner_core.config.reading.files import read_experiment
from gner_core.corpora.recognition.files import name_of
from tests.flows.conftest import GNER, Home
from tests.gner_core.corpora.recognition.exports import EXPORTS, PLAIN, places
from tests.gner_core.hub_server import Repository, hub_server


@pytest.fixture
def home(tmp_path: Path, root: Path) -> Home:
    return Home(tmp_path / "home", root)


def export(folder: Path, name: str) -> Path:
    """Write the one file of an export; return its path."""
    files, _ = EXPORTS[name]()
    ((file, content),) = files.items()
    (folder / file).write_bytes(content)
    return folder / file


def test_init_then_run_then_predict(home: Home, tmp_path: Path, root: Path) -> None:
    file = export(tmp_path, "Label Studio JSON")
    experiment = tmp_path / "mine.yaml"
    tiny = str(root / "params" / "models" / "tiny-t5.yaml")
    done = home.gner("init", str(file), "--backbone", tiny, "-o", str(experiment))
    assert done.code == 0, done.err
    assert "PER    person" in done.out and "[Greta Lindqvist](PER)" in done.out
    assert done.out.strip().endswith(f"gner run {experiment}")
    ran = home.gner("run", str(experiment), "--set", "stages.finetuning.train.epochs=1")
    assert ran.code == 0, ran.out + ran.err
    (checkpoint,) = (home.folder / "store" / "train").iterdir()
    predicted = home.gner(
        "predict", str(checkpoint), "--types", "person", "--format", "json", given=PLAIN[0][0]
    )
    assert predicted.code == 0, predicted.err
    assert json.loads(predicted.out)


def test_named_splits_are_kept_and_missing_ones_are_drawn(home: Home, tmp_path: Path) -> None:
    for name, number in (("eng.train", 30), ("eng.testb", 4)):
        lines = [f"Ida{number * n} B-PER\nran O\n" for n in range(number)]
        (tmp_path / name).write_text("\n".join(lines))
    target = tmp_path / "mine.yaml"
    arguments = [str(tmp_path / "eng.train"), str(tmp_path / "eng.testb"), "-o", str(target)]
    done = home.gner("init", *arguments)
    assert done.code == 0, done.err
    (corpus,) = read_experiment(target, overrides=[]).corpora.values()
    assert corpus.files == {"train": ("eng.train",), "test": ("eng.testb",)}
    assert corpus.made["valid"].of == "train"
    table = [re.split(r" {2,}", line.strip()) for line in done.out.splitlines()]
    assert ["train", "27", "eng.train"] in table
    assert ["valid", "3", "drawn from train, seed 1"] in table
    again = home.gner("init", *arguments)
    assert (again.code, "exists already" in again.err) == (2, True)
    assert home.gner("init", *arguments, "--force").code == 0


def test_a_file_alone_is_split_whatever_its_name(home: Home, tmp_path: Path) -> None:
    lines = "".join(f"Ida{n} B-T{n % 101}\n\n" for n in range(606))
    (tmp_path / "test.conll").write_text(lines)
    target = tmp_path / "mine.yaml"
    done = home.gner("init", str(tmp_path / "test.conll"), "-o", str(target))
    assert done.code == 0, done.err
    assert "types: prompts that ask for all of them may be too long" in done.out
    (corpus,) = read_experiment(target, overrides=[]).corpora.values()
    assert corpus.files == {"train": ("test.conll",)}
    assert {split: rule.of for split, rule in corpus.made.items()} == {
        "valid": "train",
        "test": "train",
    }


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("train.conll", "my-letters"),
        ("all.jsonl", "my-letters"),
        ("Frühe Briefe.txt", "fruhe-briefe"),
    ],
)
def test_a_corpus_is_named_by_its_file_or_where_that_says_nothing_by_its_folder(
    tmp_path: Path, file: str, name: str
) -> None:
    path = tmp_path / "My letters" / file
    path.parent.mkdir()
    path.touch()
    assert name_of(path) == name
    assert name_of("Given name") == "given-name"


def test_what_cannot_be_read_writes_nothing(home: Home, tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text('{"text": "Ida", "spans": [[0, 30, "PER"]]}\n')
    done = home.gner("init", str(tmp_path / "own.jsonl"), "-o", str(tmp_path / "own.yaml"))
    assert done.code == 2
    assert "own.jsonl, line 1" in done.err
    assert not (tmp_path / "own.yaml").exists()


def test_doubtful_things_are_said(home: Home, tmp_path: Path) -> None:
    sentence = "Ida B-PER\nran O\n\nOslo B-Per\n\n"
    (tmp_path / "train.conll").write_text(sentence * 6 + "Voss B-LOC\n" + "went O\n" * 160)
    (tmp_path / "test.conll").write_text(sentence)
    target = tmp_path / "mine.yaml"
    done = home.gner("init", str(tmp_path), "-o", str(target))
    assert done.code == 0, done.err
    doubts = [line for line in done.out.splitlines() if line.startswith("look at: ")]
    for said in (
        "the longest passage has 161 words",
        "1 of 2 types have fewer than 5 entities: location (1)",
        "several labels are one type, person: PER (train, test), Per (train, test)",
        "2 sentences of test are also in train",
    ):
        assert any(said in doubt for doubt in doubts), said
    (corpus,) = read_experiment(target, overrides=[]).corpora.values()
    assert corpus.cut_at_words == 100


def test_annotators_who_differ_are_doubtful_and_classified_texts_are_left_out(
    home: Home, tmp_path: Path
) -> None:
    """Prodigy's datasets hold the same text once for each session, and tasks of several kinds."""
    both = [{"start": 0, "end": 3, "label": "PER"}, {"start": 7, "end": 11, "label": "LOC"}]
    tasks = [
        {"text": f"Ida in Voss {n}.", "spans": spans, "answer": "accept", "_view_id": "ner_manual"}
        for n in range(6)
        for spans in (both, both[: 1 + n % 2])
    ]
    classified = {"label": "NEWS", "answer": "accept", "_view_id": "classification"}
    tasks += [{"text": f"Eva left {n}.", **classified} for n in range(3)]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    done = home.gner("init", str(tmp_path / "own.jsonl"), "-o", str(tmp_path / "own.yaml"))
    assert done.code == 0, done.err
    assert "3 sentences repeat others with different entities" in done.out
    assert "note: 3 records of tasks without entities left out" in done.out


def test_a_dataset_of_the_hub(home: Home, tmp_path: Path) -> None:
    """The hub's client reads HF_ENDPOINT when it is imported, so this is a process of its own."""
    lines = "".join(f'{{"tokens": ["Ida{n}", "ran"], "ner": ["B-PER", "O"]}}\n' for n in range(9))
    files = {
        "README.md": b"about",
        "data/train.jsonl": lines.encode(),
        "data/dev.jsonl": lines.encode(),
    }
    with hub_server() as hub:
        hub.repositories["datasets/toy/corpus"] = Repository(files)
        environment = {**home.environment(), **hub.environment(str(tmp_path / "hf"))}
        target = tmp_path / "mine.yaml"
        command = [*GNER, "init", "toy/corpus", "-o", str(target)]
        done = subprocess.run(
            command, env=environment, cwd=home.root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    read = read_experiment(target, overrides=[])
    (corpus,) = read.corpora.values()
    assert read.data_root == "cache"
    assert corpus.files == {"train": ("data/train.jsonl",), "valid": ("data/dev.jsonl",)}
    (source,) = corpus.sources
    assert (source.repo, source.revision) == ("toy/corpus", Repository({}).commit)
    planned = home.gner("run", str(target), "--dry-run")
    assert planned.code == 0, planned.err


def conll_of_a_million_lines() -> str:
    sentence = "Greta{n} B-PER\nLindqvist I-PER\nmoved O\nto O\nOslo B-LOC\n. O\n\n"
    return "".join(sentence.format(n=n) for n in range(1_000_000 // 7))


def two_hundred_thousand_records() -> str:
    text, marked = PLAIN[0]
    record = json.dumps({"text": f"{text} %d times.", "label": places(text, marked), "id": 1})
    return "".join(record % n + "\n" for n in range(200_000))


@pytest.mark.slow
@pytest.mark.parametrize("write", [conll_of_a_million_lines, two_hundred_thousand_records])
def test_large_files_take_at_most_20_s_and_1_gb(
    write: Callable[[], str], home: Home, tmp_path: Path
) -> None:
    (tmp_path / "own.txt").write_text(write())
    command = [*GNER, "init", str(tmp_path / "own.txt"), "-o", str(tmp_path / "own.yaml")]
    process = subprocess.Popen(command, cwd=home.root, env=home.environment())
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    assert usage.ru_utime + usage.ru_stime < 20  # not wall time: other tests run beside
    assert usage.ru_maxrss < 2**20  # KiB


def test_what_is_said_of_a_corpus_breaks_between_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.conll").write_text("Ada B-person\nwaits O\n")
    done = CliRunner().invoke(app, ["init", "mine.conll"], env={"COLUMNS": "60"})
    assert done.exit_code == 0, done.output
    assert max(map(len, done.stdout.splitlines())) <= 60


TWO_SENTENCES = "Ada B-person\nwaits O\n\nBo B-person\n"


@pytest.mark.parametrize(
    "file",
    [
        *("2003.tsv", "007.tsv", "1e5.tsv", "null.tsv", "08.tsv"),
        *("colon: name/own.tsv", "#hash/own.tsv", "2024/own.tsv", "cache/own.tsv", "package/a.tsv"),
        *("it's {own}/own.tsv", "two\nlines/own.tsv", "./- a/[b].tsv", "é #\u3000/1e5\nx.tsv"),
    ],
)
def test_whatever_files_are_called_the_experiment_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(file).parent.mkdir(exist_ok=True)
    Path(file).write_text(TWO_SENTENCES)
    done = CliRunner().invoke(app, ["init", file, "-o", "mine.yaml"])
    assert done.exit_code == 0, done.output
    read = read_experiment(Path("mine.yaml"), overrides=[])
    ((name, corpus),) = read.corpora.items()
    assert read.name == name == name_of(Path(file).absolute())
    ((path,),) = corpus.files.values()
    assert (Path(read.data_root) / path).samefile(file)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--backbone", "mine.tsv"], "--backbone mine.tsv: must hold a mapping .*; name the YAML"),
        (["--backbone", "none.yaml"], "--backbone none.yaml: cannot be read"),
        (["--backbone", "folder"], "--backbone folder: cannot be read .Is a directory"),
        (["--backbone", "gliner.yaml"], "mine.yaml: backbone.family: an encoder writes nothing"),
        (
            ["--output", "folder", "--force"],
            "folder: a folder; name a file in it: --output folder/",
        ),
        (["--output", "folder"], "folder: a folder; name a file in it"),
        (["--output", "mine.tsv", "--force"], "mine.tsv: a file of the corpus; --output names"),
    ],
)
def test_what_would_not_run_is_refused_before_anything_is_written(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.tsv").write_text(TWO_SENTENCES)
    Path("folder").mkdir()
    model = (root / "params" / "models" / "tiny-t5.yaml").read_text()
    Path("gliner.yaml").write_text(model.replace("family: encoder_decoder", "family: encoder"))
    done = CliRunner().invoke(app, ["init", "mine.tsv", *arguments])
    assert done.exit_code != 0
    said = " ".join(done.output.split())
    assert re.search(message, said), said
    assert Path("mine.tsv").read_text() == TWO_SENTENCES and not Path("mine.yaml").exists()
