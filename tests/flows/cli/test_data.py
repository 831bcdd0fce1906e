"""`gner data …` on a small catalog of our own: what is printed, JSON, exit codes."""

import hashlib
import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from flows.cli.main import app
from gner_core.config.reading.files import read_catalog
from tasks.steps.data import plan_corpus

ROWS = {
    "train.tsv": "Ada\tB-PER\nsails\tO\n\nBob\tB-PER\nswims\tO\n\nAda\tO\nsails\tO\n\n",
    "test.tsv": "Cleo\tB-PER\nin\tO\nRome\tB-LOC\n\nBob\tB-PER\nswims\tO\n",
}
TSV = {
    "kind": "conll",
    "scheme": "bio",
    "separator": "tab",
    "columns": 2,
    "token_column": 0,
    "tag_column": 1,
}


class Data:
    """A catalog, a mirror with its files, and a fresh home."""

    def __init__(self, folder: Path) -> None:
        self.mirror = folder / "mirror"
        self.catalog = folder / "catalog.yaml"
        (self.mirror / "toy").mkdir(parents=True)
        for name, text in ROWS.items():
            (self.mirror / "toy" / name).write_text(text)
        toy = {
            "files": {"train": ["toy/train.tsv"], "test": ["toy/test.tsv"]},
            "format": TSV,
            "labels": {"PER": "person", "LOC": "place"},
            "labels_to_o": [],
            "cut_at_words": None,
            "licence": "CC0-1.0",
            "origin": "made here",
            "roles": ["zero-shot"],
            "pins": {
                f"toy/{name}": {
                    "sha256": hashlib.sha256(text.encode()).hexdigest(),
                    "bytes": len(text),
                }
                for name, text in ROWS.items()
            },
            "table8": {"train": 3, "valid": 0, "test": 5, "types": 2},
            "deviations": {"test": "three were lost at sea"},
        }
        other = {**toy, "roles": ["adaptation"], "pins": {}, "table8": None, "deviations": {}}
        own = {**toy, "pins": {}, "files": {"test": ["own/test.tsv"]}, "obtain": "write to them"}
        self.catalog.write_text(yaml.safe_dump({"toy": toy, "other": other, "own": own}))

    def run(self, *arguments: str) -> Result:
        command = ["data", arguments[0], "--catalog", str(self.catalog), *arguments[1:]]
        return CliRunner().invoke(app, command, env={"COLUMNS": "160"})

    def from_mirror(self, *arguments: str) -> Result:
        return self.run(*arguments, "--source", str(self.mirror))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Data:
    monkeypatch.setenv("GNER_HOME", str(tmp_path / "home"))
    return Data(tmp_path)


def test_list_shows_roles_counts_trust_and_the_cache(data: Data) -> None:
    lines = [line for line in data.run("list").output.splitlines() if line.strip()]
    before = {line.split()[0]: line for line in lines}
    assert "zero-shot" in before["toy"] and "CC0-1.0" in before["toy"]
    assert "your own files" in before["own"]
    assert "yes" not in before["toy"]
    assert data.from_mirror("fetch", "toy").exit_code == 0
    lines = data.run("list").output.splitlines()
    row = next(line for line in lines if line.startswith("toy "))
    assert "yes" in row
    listed = {one["corpus"]: one for one in json.loads(data.run("list", "--json").stdout)}
    assert listed["toy"]["cached"]
    assert not listed["own"]["cached"]


def test_the_published_catalog_says_what_is_verified() -> None:
    done = CliRunner().invoke(app, ["data", "list"], env={"COLUMNS": "200"})
    rows = {line.split()[0]: line for line in done.output.splitlines() if line.strip()}
    assert " verified" in rows["crossner-ai"]
    assert "unverified" in rows["fabner"]
    assert "your own files" in rows["ontonotes"]


def test_prepare_publishes_under_the_key_of_the_pipeline(data: Data, tmp_path: Path) -> None:
    done = data.from_mirror("prepare", "toy")
    assert done.exit_code == 0, done.output
    step = plan_corpus("toy", read_catalog(data.catalog)["toy"], str(data.mirror))
    folder = tmp_path / "home" / "store" / step.ref.path
    assert {file.name for file in folder.iterdir()} == {
        "train.parquet",
        "test.parquet",
        "statistics.json",
        "manifest.json",
    }
    assert str(folder) in done.output
    found = json.loads(data.from_mirror("prepare", "toy", "--json").stdout)["toy"]
    assert found["folder"] == str(folder)
    assert found["splits"]["train"]["sentences"] == 3


def test_prepare_names_labels_that_seem_misspelt(data: Data) -> None:
    catalog = yaml.safe_load(data.catalog.read_text())
    catalog["other"] |= {"labels": {"PER": "person", "LOC": "place", "MSIC": "thing"}}
    catalog["other"] |= {"labels_to_o": ["per", "GPE"]}
    data.catalog.write_text(yaml.safe_dump(catalog))
    done = data.from_mirror("prepare", "other", "toy")
    assert done.exit_code == 0, done.output
    assert [line for line in done.output.splitlines() if line.startswith("look at")] == [
        "look at: other: labels: no split has an entity of MSIC",
        "look at: other: labels_to_o: per is not PER, which stays: capitals count",
    ]


def test_stats_mark_each_difference_with_its_reason(data: Data) -> None:
    shown = data.from_mirror("stats", "toy").output
    assert "2 (5)" in shown
    assert "toy test -3: three were lost at sea" in shown
    counted = json.loads(data.from_mirror("stats", "toy", "--json").stdout)
    rows = {row["what"]: row for row in counted["table8"]}
    assert rows["test"] == {
        "corpus": "toy",
        "what": "test",
        "paper": 5,
        "here": 2,
        "reason": "three were lost at sea",
        "differs": True,
    }
    assert not rows["train"]["differs"]
    assert counted["counts"]["toy"]["train"]["sentences"] == 3


def test_a_difference_without_a_reason_is_called_unexplained(data: Data) -> None:
    values = yaml.safe_load(data.catalog.read_text())
    values["toy"]["deviations"] = {}
    data.catalog.write_text(yaml.safe_dump(values))
    assert "toy test -3: unexplained" in data.from_mirror("stats", "toy").output


def test_audit_reports_repeats_leaks_noise_and_types(data: Data) -> None:
    found = json.loads(data.from_mirror("audit", "toy", "other", "--json").stdout)
    toy = found["corpora"][0]
    assert [d["repeated"] for d in toy["duplicates"]] == [1, 0]
    assert [(o["later"], o["shared"]) for o in toy["overlaps"]] == [("test", 1)]
    assert toy["noise"]["differing"] == 1
    assert found["zero_shot_types"] == {"toy": {"person": ["other"]}}
    shown = data.from_mirror("audit", "toy").output
    assert "Ada sails" in shown
    assert "no adaptation corpus is at hand" in shown


def test_without_names_what_is_at_hand_is_meant(data: Data) -> None:
    counted = json.loads(data.from_mirror("stats", "--json").stdout)
    assert set(counted["counts"]) == {"toy", "other"}
    again = json.loads(data.run("stats", "--json", "--offline").stdout)
    assert again == counted


def test_show_prints_sentences_with_their_entities(data: Data) -> None:
    shown = data.from_mirror("show", "toy", "--split", "test", "-n", "1").output
    assert "[Cleo](person) in [Rome](place)" in shown
    assert "Bob" not in shown


def test_check_reads_a_file_whole_and_prints_its_entry(data: Data, tmp_path: Path) -> None:
    file = data.mirror / "toy" / "test.tsv"
    done = CliRunner().invoke(app, ["data", "check", str(file)])
    assert done.exit_code == 0, done.output
    assert "2 sentences, 5 words, 3 entities" in done.output
    entry = tmp_path / "entry.yaml"
    entry.write_text(done.output[done.output.index("test:\n") :])
    (corpus,) = read_catalog(entry).values()
    assert corpus.labels == {"LOC": "location", "PER": "person"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fetch", "mars"], "no corpus 'mars' in "),
        (["show", "toy", "--split", "dev"], "toy has no split 'dev', only train, test"),
        (["prepare", "own"], "the catalog names no source; write to them"),
        (["stats"], "holds no corpus of the catalog"),
        (["prepare", "toy", "--offline"], "toy: offline, and the cache "),
        (["audit", "toy", "--source", "/nowhere"], "/nowhere"),
    ],
)
def test_bad_input_ends_with_a_message_and_exit_code_2(
    data: Data, arguments: list[str], message: str
) -> None:
    done = data.run(*arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("gner: ") and done.stderr.count("\n") == 1
    assert message in done.stderr
    assert "Traceback" not in done.output


def test_a_corpus_that_fails_does_not_stop_the_others(data: Data) -> None:
    done = data.from_mirror("fetch", "own", "toy")
    assert done.exit_code == 2
    assert done.stderr.startswith("gner: own: 1 of 1 files cannot be had")
    assert done.stderr.count("\n") == 1
    assert "toy  " in done.stdout


def test_a_file_with_other_bytes_than_the_pinned_ones_is_refused(data: Data) -> None:
    (data.mirror / "toy" / "test.tsv").write_text("Eve\tO\n")
    done = data.from_mirror("prepare", "toy")
    assert done.exit_code == 2
    assert "toy" in done.stderr and "test.tsv" in done.stderr


def test_a_faulty_file_is_named_with_its_line(data: Data, tmp_path: Path) -> None:
    (data.mirror / "toy" / "train.tsv").write_text("Ada\tB-PER\nsails\n")
    done = data.from_mirror("prepare", "other")
    assert done.exit_code == 2
    assert "train.tsv, line 2: 1 tab-separated columns where 2 were expected" in done.stderr
    assert not list((tmp_path / "home" / "store").glob("corpus/*"))


def test_check_reads_the_folder_that_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("Ada waits\n")
    (tmp_path / "a.ann").write_text("T1\tperson 0 3\tAda\n")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["data", "check", "."])
    assert done.exit_code == 0, done.output
    assert "1 sentence" in done.output


def test_check_refuses_what_is_no_corpus(tmp_path: Path) -> None:
    prose = tmp_path / "prose.txt"
    prose.write_text("Once upon a time\nthere was nothing to tag.\n")
    done = CliRunner().invoke(app, ["data", "check", str(prose)])
    assert done.exit_code == 2
    assert str(prose) in done.stderr
