"""The paper's numbers are all there, and ours are compared with the right ones."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gner_core.config.reading.files import read_catalog
from gner_core.reports.paper.compared import (
    Measured,
    PaperComparison,
    Row,
    compare_table,
    compare_with_paper,
)
from gner_core.reports.paper.numbers import FILE, MEAN, MODELS, RERUN, find, model_of, numbers
from gner_core.reports.paper.view import HEAD, cells


def scores(f1: float, low: float, high: float, sentences: int = 100) -> dict[str, Any]:
    return {"f1": f1, "interval": [low, high], "sentences": sentences}


def rows(found: PaperComparison, test: str) -> dict[str, Row]:
    (one,) = (one for one in found.tests if one.test == test)
    return {row.name: row for row in one.rows}


@pytest.fixture
def large() -> PaperComparison:
    """Flan-T5-large on three of the zero-shot corpora, greedy; no second stage."""
    corpora = {
        "crossner-ai": scores(0.6256, 0.60, 0.65, sentences=431),
        "mit-movie": scores(0.50, 0.48, 0.52),
        "cooking": scores(0.9, 0.8, 1.0),  # none of the paper's
    }
    summary = {"corpora": corpora, "macro": scores(0.67, 0.66, 0.68)}
    return compare_with_paper(
        "Flan-T5-large",
        parameters=783_150_080,
        beams=1,
        scores={"zero-shot": summary},
        splits={"zero-shot": "test"},
    )


def test_all_numbers_are_there_with_their_source(root: Path) -> None:
    counts = Counter(row.source for row in numbers())
    assert counts == {
        "Table 1": 20,
        "Table 2": 96,
        "Table 3": 133,
        "Table 4": 32,
        "Table 5": 9,
        "Table 6": 12,
        "Table 7": 22,
        "Table 8": 100,
        "Table 9": 6,
        "Table 11": 162,
        "Text": 5,
        "Appendix B and G": 15,
        RERUN: 40,
    }
    assert sum(counts.values()) - counts[RERUN] == 612
    assert all(isinstance(row.value, float) for row in numbers())
    known = read_catalog(root / "params" / "corpora" / "published").keys()
    named = {row.corpus for row in numbers()} - {"", MEAN}
    assert named <= known
    assert len(named) == 25  # of Table 8
    nameless = {row.dataset for row in numbers() if not row.corpus}
    assert nameless == {
        "CrossNER-dev-200x5",
        "all",
        "supervised generations",
        "zero-shot test sets",
    }


def test_the_numbers_are_those_of_the_paper(shared: Path) -> None:
    with FILE.open(encoding="utf-8", newline="") as handle:
        ours = list(csv.DictReader(handle))
    theirs: list[dict[str, str]] = []
    for name in ("paper_numbers.csv", "replication_numbers.csv"):
        with (shared / "paper" / name).open(encoding="utf-8", newline="") as handle:
            theirs += csv.DictReader(handle)
    for one, other in zip(ours, theirs, strict=True):
        same = ("system", "setting", "dataset", "metric", "value", "std")
        assert [one[key] for key in same] == [other[key] for key in same]


def test_the_printed_averages_follow_from_the_rows_but_where_it_is_noted() -> None:
    for model in MODELS.values():
        for test in ("zero-shot", "supervised"):
            found = {r.corpus: r.value for r in find("Table 11", system=model, setting=test)}
            mean = found.pop(MEAN)
            assert sum(found.values()) / len(found) == pytest.approx(mean, abs=0.011), (model, test)
    noted = {(r.source, r.system, r.text) for r in numbers() if r.note and r.metric == "F1"}
    assert noted == {
        ("Table 3", "GNER-T5-xxl", "87.27"),
        ("Table 3", "GNER-LLaMA-7B", "89.27"),
        ("Table 3", "ChatGPT", "34.9"),
        ("Table 11", "GNER-T5-xxl", "88.27"),
        ("Table 11", "GNER-LLaMA-7B", "88.55"),
    }


def test_a_measured_number_is_compared_with_the_same_models(large: PaperComparison) -> None:
    assert (large.model, large.size, large.same) == ("GNER-T5-large", "783M", True)
    found = rows(large, "zero-shot")
    ai = found["crossner-ai"]
    assert (ai.paper, ai.std, ai.source, ai.rerun) == (62.56, 0.2, "Table 11", 61.19)
    assert (ai.tested, ai.of) == (431, 431)
    assert ai.difference == pytest.approx(0.0)
    assert ai.inside is True
    assert ai.others["UniNER-7B"] == 53.5
    movie = found["mit-movie"]
    assert movie.difference == pytest.approx(50 - 58.59)
    assert (movie.inside, movie.tested, movie.of) == (False, 100, 2443)
    assert "cooking" not in found


def test_what_was_not_run_is_not_run(large: PaperComparison) -> None:
    found = rows(large, "zero-shot")
    music = found["crossner-music"]
    assert (music.ours, music.difference, music.inside, music.paper) == (None, None, None, 76.73)
    assert cells(music)[:4] == ("crossner-music", "not run", "", "76.73 ± 0.7")
    assert [one.test for one in large.tests] == ["zero-shot"]


def test_a_mean_over_some_corpora_is_compared_with_the_mean_of_the_same(
    large: PaperComparison,
) -> None:
    mean = rows(large, "zero-shot")[MEAN]
    assert mean.source == "mean of the 2 corpora run"
    assert mean.ours == Measured(pytest.approx((62.56 + 50) / 2), None)  # cooking is not in it
    assert mean.paper == pytest.approx((62.56 + 58.59) / 2)
    assert mean.others["ChatGPT"] == pytest.approx((52.4 + 5.3) / 2)
    assert mean.inside is None


def test_beams_have_means_only() -> None:
    names = [r.corpus for r in find("Table 11", system="GNER-T5-xl", setting="zero") if r.std]
    corpora = {name: scores(0.66, 0.6, 0.7) for name in names if name != MEAN}
    summary = {"corpora": corpora, "macro": scores(0.66, 0.65, 0.67)}
    found = compare_with_paper(
        "Flan-T5-xl",
        parameters=2_849_757_184,
        beams=4,
        scores={"zero-shot": summary},
        splits={"zero-shot": "test"},
    )
    zero_shot = rows(found, "zero-shot")
    assert cells(zero_shot["crossner-ai"])[3] == "not stated"
    mean = zero_shot[MEAN]
    assert (mean.paper, mean.source, mean.inside) == (66.88, "Table 7", True)
    assert mean.ours == Measured(66.0, (65.0, 67.0))


def test_a_model_that_is_not_in_the_paper_is_compared_with_its_nearest() -> None:
    assert model_of("SmolLM2-135M", parameters=134_515_008) == ("GNER-T5-small", False)
    assert model_of("my model", parameters=9_000_000_000) == ("GNER-T5-xxl", False)
    summary = {"corpora": {"ncbi": scores(0.5, 0.4, 0.6)}, "macro": scores(0.5, 0.4, 0.6)}
    found = compare_with_paper(
        "SmolLM2-135M",
        parameters=134_515_008,
        beams=1,
        scores={"supervised": summary},
        splits={"supervised": "test"},
    )
    assert (found.model, found.size, found.same) == ("GNER-T5-small", "77M", False)
    assert rows(found, "supervised")["ncbi"].paper == 82.06


def test_without_a_corpus_of_the_paper_there_is_nothing_to_compare() -> None:
    summary = {"corpora": {"cooking": scores(0.5, 0.4, 0.6)}, "macro": scores(0.5, 0.4, 0.6)}
    found = compare_with_paper(
        "Flan-T5-xxl",
        parameters=11_135_332_352,
        beams=1,
        scores={"zero-shot": summary},
        splits={"zero-shot": "test"},
    )
    assert found.tests == ()
    assert found.as_dict()["tests"] == {}


def test_json_holds_every_row_and_says_which_were_run(large: PaperComparison) -> None:
    values = json.loads(json.dumps(large.as_dict()))
    assert values["model"] == "GNER-T5-large"
    ran = {r["name"]: r for r in values["tests"]["zero-shot"]["rows"] if r["run"]}
    assert ran.keys() == {"crossner-ai", "mit-movie", "mean"}
    assert ran["mit-movie"]["ours"] == {
        "value": 50.0,
        "interval": [48.0, 52.0],
        "another": "",
        "deviation": None,
    }
    assert ran["mit-movie"]["inside"] is False
    ncbi = {"corpora": {"ncbi": scores(0.9, 0.8, 0.95)}, "macro": scores(0.9, 0.8, 0.95)}
    llama = compare_with_paper(
        "LLaMA-7B",
        parameters=6_738_415_616,
        beams=1,
        scores={"supervised": ncbi},
        splits={"supervised": "test"},
    )
    ours, theirs, chatgpt = llama.tests[0].notes
    assert ours.startswith("GNER-LLaMA-7B, ncbi: Table 11 says 88.55; Table 3 says 89.27")
    assert theirs.startswith("GNER-LLaMA-7B, ncbi: Table 3 says 89.27; Table 11 says 88.55")
    assert chatgpt == "ChatGPT, Avg: Table 3 says 34.9; not the mean of its 18 rows, 36.77"


@pytest.mark.parametrize(("name", "paper"), [("UniNER-7B", 53.5), ("GLiNER-L", 60.6), ("", None)])
def test_a_released_checkpoint_is_compared_under_its_own_name(
    name: str, paper: float | None
) -> None:
    summary = {"corpora": {"crossner-ai": scores(0.55, 0.5, 0.6)}, "macro": scores(0.55, 0.5, 0.6)}
    found = compare_with_paper(
        "some released checkpoint",
        parameters=7_000_000_000,
        beams=1,
        scores={"zero-shot": summary},
        splits={"zero-shot": "test"},
        released=name,
    )
    assert (found.model, found.same, found.size) == (name, True, "")
    row = rows(found, "zero-shot")["crossner-ai"]
    assert row.paper == paper
    assert row.source == ("Table 2" if paper else "")
    assert row.difference == (pytest.approx(55.0 - paper) if paper else None)
    assert name not in found.tests[0].systems
    assert "GoLLIE-7B" in found.tests[0].systems
    assert len(found.tests[0].rows) == 8


def test_a_table_of_the_paper_with_what_a_sweep_measured() -> None:
    place = ("GNER-T5-large", "zero-shot; beam=2", "F1")
    ours = Measured(63.0, (62.0, 64.0), another="SmolLM2-135M")
    table = compare_table("Table 7", [(place, ours)])
    assert len(table) == 20  # five models, four beam sizes; UniNER is no model of the paper's own
    (ran,) = [row for row in table if row.ours]
    assert len(HEAD) == len(cells(ran))
    assert cells(ran) == (
        "GNER-T5-large; zero-shot; beam=2; F1",
        "63.0 (SmolLM2-135M)",
        "62.0–64.0",
        "64.13",
        "−1.1",
        "no",
    )
    assert [len(compare_table(f"Table {n}", [])) for n in (1, 4, 6)] == [20, 18, 12]


def test_another_split_than_the_papers_is_not_compared() -> None:
    summary = {"corpora": {"ncbi": scores(0.5, 0.4, 0.6)}, "macro": scores(0.5, 0.4, 0.6)}
    found = compare_with_paper(
        "Flan-T5-xl",
        parameters=2_849_757_184,
        beams=1,
        scores={
            "zero-shot": {"corpora": {"mit-movie": scores(0.6, 0.5, 0.7)}},
            "supervised": summary,
        },
        splits={"zero-shot": "valid", "supervised": "test"},
    )
    assert found.elsewhere == ["zero-shot"]
    assert not any(row.ours for row in rows(found, "zero-shot").values())
    assert rows(found, "supervised")["ncbi"].ours
