"""The page of results from records alone."""

from pathlib import Path
from typing import Any

import pytest

from gner_core.config.reading.results import read_results
from gner_core.config.scoring import BootstrapParams
from gner_core.config.studies.results import ResultsParams
from gner_core.reports.results.content import StudyView
from gner_core.reports.results.files import differences_of_page
from gner_core.reports.results.page import Page
from gner_core.reports.results.record import (
    Environment,
    PointRecord,
    ScoreRecord,
    StepRecord,
    StudyRecord,
    differences,
    read_record,
    text_of,
)
from gner_core.reports.sweep.page import shown

SENTENCES = 20
ENVIRONMENT = Environment(
    code={"commit": "0123456789abcdef", "dirty": True},
    python="3.11.2",
    packages={"torch": "2.9"},
    machine={"cpu": "Some CPU", "cores": 2, "memory_gib": 15.6},
    computed_in="float32",
)


def score_of(right: int, **changes: Any) -> ScoreRecord:
    """Twenty equal sentences of ten entities each, so that drawing them changes nothing."""

    def column(number: int) -> tuple[int, ...]:
        return (number,) * SENTENCES

    pair = {"gold": column(10), "predicted": column(10), "right": column(right)}
    errors = {"gold": column(10), "UE": column(1), "NE": column(2), "BE": column(0)}
    values: dict[str, Any] = {
        "score": f"score/{right}",
        "split": "test",
        "sentences": "all",
        "counts": {"music": {"pair": pair, "errors": errors}},
        "sums": {"seconds": 5.0, "omitted": 10.0, "added": 0.0, "substituted": 1.0},
    }
    return ScoreRecord(**{**values, **changes})


def point(form: str, seed: str, right: int, **changes: Any) -> PointRecord:
    return PointRecord(
        labels={"form": form, "seed": seed},
        name=f"forms-{form}-{seed}",
        model="tiny",
        parameters=1_000_000,
        series="",
        x=None,
        x_label="",
        steps=("train/0123456789abcdef",),
        tests={"test": score_of(right, **changes)},
    )


def record(*points: PointRecord, planned: int | None = None) -> StudyRecord:
    labels = [one.labels for one in points]
    return StudyRecord(
        study="forms",
        axes=("form",),
        seeds="seed",
        figure="table",
        scoring=BootstrapParams(level=0.95, resamples=1000, seed=1),
        planned=tuple(labels),
        points=points[:planned],
        steps={
            "train/0123456789abcdef": StepRecord(title="first", seconds=5400, environment="one")
        },
        environments={"one": ENVIRONMENT},
    )


def page(*points: PointRecord, planned: int | None = None, **changes: Any) -> Page:
    study = {
        "name": "forms",
        "file": "forms.yaml",
        "title": "Forms",
        "show": ["test/f1"],
        **changes,
    }
    groups = [{"title": "First", "studies": [study]}]
    return Page(
        params=ResultsParams.model_validate({"title": "All", "page": "p.md", "groups": groups}),
        records={"forms": record(*points, planned=planned)},
        notes={},
        commands={"forms": "gner run forms.yaml"},
        again="gner report results results.yaml",
        folder="p",
    )


TWO = (point("none", "1", 4), point("none", "2", 6), point("full", "1", 5), point("full", "2", 7))


def view(**changes: Any) -> StudyView:
    return page(*TWO, **changes).views["forms"]


def test_the_page_in_the_manual_is_the_output_of_its_command(root: Path) -> None:
    """`gner report results` writes it anew."""
    found = read_results(root / "params" / "small-paper" / "results.yaml")
    assert list(differences_of_page(found)) == []


def test_intervals_are_over_sentences_and_seeds() -> None:
    """Where all sentences are alike, two seeds are left: a quarter of the draws are each alone."""
    none, full = view().rows
    assert shown(none.cells["test/f1"], "test/f1") == "50.0 (40.0–60.0)"
    gain = full.cells["test/f1"].difference
    assert gain is not None
    assert (gain.value, gain.low, gain.high) == pytest.approx((0.1, 0.1, 0.1))  # of either seed


def test_differences_are_to_the_baseline_that_is_named() -> None:
    none, full = view(baseline={"form": "full"}).rows
    assert full.cells["test/f1"].difference is None
    assert none.cells["test/f1"].difference is not None
    assert none.cells["test/f1"].difference.value == pytest.approx(-0.1)


def test_without_its_baseline_a_row_has_no_difference() -> None:
    (full,) = page(*TWO[2:], *TWO[:2], planned=2, baseline={"form": "none"}).views["forms"].rows
    assert full.cells["test/f1"].difference is None


def test_figures_come_from_the_sums() -> None:
    show = ["test/f1", "test/UE", "test/seconds", "test/omitted", "test/calibration_error"]
    bins = {"entities": (4, 4), "right": (1, 3), "confidence": (2.0, 3.0)}
    text = page(point("none", "1", 4, calibration=bins), show=show).render()
    assert "| form | F1 | missed (UE), % | seconds a sentence | words left out" not in text
    cells = next(line for line in text.splitlines() if line.startswith("| none |"))
    assert cells == "| none | 40.0 (–) | 10.0 (–) | 0.25 | 0.50 | 12.5 | 1 |"


def test_types_are_those_of_the_baseline_over_its_seeds() -> None:
    types = {"music": {"song": (1, 2, 4)}}
    found = {"types": types, "confusion": {"music": {"song": {"song": 1, "O": 2, "person": 1}}}}
    points = [point("none", seed, 4, **found) for seed in "12"]
    text = page(*points, by_type=["test"]).render()
    assert "| music | song | 4 | 50 | 25 | 33 | nothing 50 %, person 25 % |" in text


def test_labels_are_text_and_no_markup() -> None:
    text = page(point("a|b <i>*", "1", 4)).render()
    assert "| a\\|b \\<i>\\* | 40.0" in text


def test_the_same_records_give_the_same_bytes() -> None:
    first, second = (page(*TWO, figure="corpora", by_corpus=["test"]) for _ in range(2))
    assert first.render() == second.render()
    assert first.figures == second.figures
    assert first.figures["forms"].startswith(b"<?xml")


def test_it_says_where_everything_comes_from() -> None:
    text = page(*TWO).render()
    assert "tiny (1,000,000 parameters). Tests: test, 20 sentences of 1 corpus (test)." in text
    assert "Made in 1.5 hours (training 1.5) on 2 cores of Some CPU, 15.6 GiB, float32; " in text
    assert "commit 0123456789 with changes, torch 2.9, Python 3.11.2." in text
    assert "| train | first | all points | `0123456789ab` | 1.5 |" in text


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "forms.json"
    file.write_text(text_of(record(*TWO)))
    assert '"right": [4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4]' in file.read_text()
    assert read_record(file) == record(*TWO)
    assert read_record(tmp_path / "none.json") is None


def test_differences_name_places_and_values() -> None:
    kept, found = {"a": {"b": [1, 2]}, "c": 1}, {"a": {"b": [1, 3]}, "d": 1}
    assert list(differences(kept, found)) == [
        "a.b: number 2 of 2: kept 2, in the store 3",
        "c: only kept",
        "d: only in the store",
    ]
