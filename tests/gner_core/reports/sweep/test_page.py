"""The end of a sweep: means over seeds, the table, the figure, the page."""

import csv
import io
import re
from dataclasses import replace
from typing import Any

import pytest

from gner_core.config.reading.files import read_scoring
from gner_core.reports.figures import image
from gner_core.reports.paper.numbers import find
from gner_core.reports.paper.sweep import compare_sweep
from gner_core.reports.sweep.content import Cell, PointView, SweepContent, as_csv, rows_of
from gner_core.reports.sweep.differences import (
    Counted,
    counted,
    figures_of,
    with_differences,
)
from gner_core.reports.sweep.figures import sweep_figure
from gner_core.reports.sweep.page import render_sweep, shown
from gner_core.scoring.analysis.significance import MEAN, compare
from gner_core.scoring.evaluate import summarise
from gner_core.scoring.metrics.tally import tally
from gner_core.scoring.scored import Scored

SHOW = ("zero-shot/f1", "zero-shot/UE")


def summary(f1: float, *, unlabeled: int = 1) -> dict[str, Any]:
    ratios = {"precision": f1, "recall": f1, "f1": f1}
    return {
        "macro": {**ratios, "interval": [f1 - 0.1, f1 + 0.05]},
        "corpora": {"music": {**ratios, "sentences": 3}},
        "errors": {"all": {"counts": {"gold": 10, "UE": unlabeled}}},
    }


def point(beams: int, seed: int, f1: float) -> PointView:
    labels = {"beams": str(beams), "seed": str(seed)}
    name = f"toy-{beams}-{seed}"
    scores = {"zero-shot": summary(f1, unlabeled=beams)}
    return PointView(name, labels, 44_128, "", float(beams), str(beams), place(beams), scores, {})


def place(beams: int, **changes: Any) -> dict[str, Any]:
    tested = {"split": "test", "corpora": ["music"], "beside": "table-2"}
    values = {"backbone": "tiny", "beams": beams, "labels": "BIO", "context": "full"}
    rest = {"matching": "gner", "back_tokenization": True, "tests": {"zero-shot": tested}}
    return {**values, **rest, **changes}


@pytest.fixture
def content() -> SweepContent:
    points = [point(1, 1, 0.4), point(1, 2, 0.6), point(2, 1, 0.7), point(2, 2, 0.7)]
    rows = rows_of(points, show=(*SHOW, "zero-shot/precision"), seeds="seed")
    return SweepContent("toy", "beams", SHOW, ["beams"], "seed", rows, [])


def test_seeds_become_mean_and_standard_deviation(content: SweepContent) -> None:
    first, second = content.rows
    assert first.labels == {"beams": "1"}
    assert first.names == ["toy-1-1", "toy-1-2"]
    cell = first.cells["zero-shot/f1"]
    assert (cell.mean, cell.runs, cell.interval) == (pytest.approx(0.5), 2, None)
    assert cell.deviation == pytest.approx(0.1414213562)  # n - 1
    assert first.cells["zero-shot/UE"].mean == pytest.approx(0.1)
    assert second.corpora["zero-shot"] == {"music": pytest.approx(0.7)}
    assert shown(cell, "test/f1") == "50.0 ± 14.1"


def test_single_runs_keep_their_interval_and_lack_what_was_not_measured() -> None:
    one = point(1, 1, 0.4)
    placeless = {key: value for key, value in one.scores["zero-shot"].items() if key != "errors"}
    rows = rows_of([replace(one, scores={"zero-shot": placeless})], show=SHOW, seeds=None)
    cell = rows[0].cells["zero-shot/f1"]
    assert cell.error == (pytest.approx(0.1), pytest.approx(0.05))
    assert shown(cell, "test/f1") == "40.0 (30.0–45.0)"
    assert "zero-shot/UE" not in rows[0].cells
    assert rows[0].labels == {"beams": "1", "seed": "1"}


def test_the_table_holds_points_deviations_and_runs(content: SweepContent) -> None:
    first, _ = csv.DictReader(io.StringIO(as_csv(content)))
    assert first["beams"] == "1"
    assert first["zero-shot/f1"] == "50.0000"
    assert first["zero-shot/f1 std"] == "14.1421"
    assert first["zero-shot/f1 low"] == ""
    assert first["runs"] == "2"
    assert content.rows[0].cells["zero-shot/f1"].runs == 2


def test_corpora_of_all_rows_have_a_column(content: SweepContent) -> None:
    first, second = content.rows
    other = replace(second, corpora={"zero-shot": {"astronomy": 0.7}})
    page = render_sweep(replace(content, rows=[first, other]))
    table = page[page.index("corpora-zero-shot") :]
    assert 0 < table.index("music") < table.index("astronomy") < table.index("70.0")


@pytest.mark.parametrize("kind", ["parameters", "beams", "context", "table"])
@pytest.mark.parametrize("lines", [1, 6])
@pytest.mark.parametrize("measures", [("f1",), ("f1", "precision")], ids=len)
def test_every_figure_is_drawn_the_same_each_time(
    content: SweepContent, kind: str, lines: int, measures: tuple[str, ...]
) -> None:
    series = [f"line {number}" if lines > 1 else "" for number in range(lines)]
    rows = [
        replace(row, series=name, x=None if kind == "context" and row.x == 2 else row.x)
        for row in content.rows
        for name in series
    ]
    show = [f"zero-shot/{measure}" for measure in measures]
    changed = replace(content, figure=kind, rows=rows, show=show)
    svg = image(sweep_figure(changed), "svg")
    assert svg == image(sweep_figure(changed), "svg")
    png = image(sweep_figure(changed), "png")
    assert png.startswith(b"\x89PNG")
    assert len(png) > 10_000


def test_the_page_shows_rows_links_and_what_is_missing_as_text(content: SweepContent) -> None:
    hostile = "<script>alert(1)</script>"
    page = render_sweep(replace(content, name=hostile, missing=[hostile]))
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3
    assert "50.0 ± 14.1" in page
    assert set(re.findall(r": (#[0-9a-f]{6})", page.partition("<svg")[2])) == set()  # dark, too
    assert 'href="toy-1-2.html"' in page
    assert "<svg" in page


def test_a_cell_of_one_run_over_seeds_has_no_deviation() -> None:
    (row,) = rows_of([point(1, 1, 0.4)], show=SHOW[:1], seeds="seed")
    assert row.cells["zero-shot/f1"] == Cell(0.4, None, None, 1)


def test_a_sweep_that_no_test_sets_beside_a_table_is_not_compared(content: SweepContent) -> None:
    alone = {"split": "test", "corpora": ["music"], "beside": None}
    rows = [
        replace(row, place={**row.place, "tests": {"zero-shot": alone}}) for row in content.rows
    ]
    page = render_sweep(replace(content, rows=rows))
    assert "Compared with the paper" not in page


def test_a_beam_sweep_is_compared_with_table_7(content: SweepContent) -> None:
    page = render_sweep(content)
    assert "Compared with the paper: Table 7" in page
    assert "not over the sentences that the paper tests" in page
    assert "not run" not in page
    crossner = [f"crossner-{part}" for part in ("ai", "literature", "music", "politics", "science")]
    corpora = [*crossner, "mit-movie", "mit-restaurant"]
    tests = {"zero-shot": {"split": "test", "corpora": corpora, "beside": "table-2"}}
    large = replace(
        content.rows[0],
        parameters=783_150_080,
        place=place(1, backbone="Flan-T5-large", tests=tests),
    )
    other = replace(content.rows[1], parameters=300_000_000, place=place(2, tests=tests))
    text = render_sweep(replace(content, rows=[large, other]))
    rows = [re.sub(r"(<[^>]+>)+", " | ", line) for line in text.splitlines() if "beam=" in line]
    assert len(rows) == 20
    assert " | GNER-T5-large; zero-shot; beam=1; F1 | 50.0 ± 14.1 | 63.47 | −13.5 | " in rows
    # 300 million parameters are nearest to the 248 million of T5-base.
    assert " | GNER-T5-base; zero-shot; beam=2; F1 | 70.0 ± 0.0 (tiny) | 60.32 | +9.7 | " in rows
    assert sum("not run" in row for row in rows) == 18


def test_each_kind_of_sweep_has_its_table() -> None:
    crossner = [f"crossner-{part}" for part in ("ai", "literature", "music", "politics", "science")]
    tests = {"zero-shot": {"split": "valid", "corpora": crossner, "beside": "table-2"}}
    one = point(1, 1, 0.61)
    brackets = place(1, backbone="Flan-T5-large", labels="brackets", context=1, tests=tests)
    rows = rows_of([replace(one, place=brackets)], show=SHOW, seeds=None)
    found = compare_sweep("context", rows)
    ran = {row.name: row for row in found.rows if row.ours}
    name = "Flan-T5-large (10K Pile-NER); w/ context length 1; "
    assert ran.keys() == {f"{name}F1", f"{name}UE"}
    assert ran[f"{name}F1"].difference == pytest.approx(61.0 - 60.3)
    assert ran[f"{name}F1"].inside is True
    assert compare_sweep("parameters", rows).rows == ()  # validation sentences are no test
    names = [r.corpus for r in find("Table 11", system="GNER-T5-xl", setting="supervised")]
    corpora = [name for name in names if name != "mean"]
    tested = {"supervised": {"split": "test", "corpora": corpora, "beside": "table-3"}}
    plain = place(1, backbone="LLaMA-7B", matching="text", back_tokenization=False, tests=tested)
    scores = {"supervised": summary(0.8599)}
    view = replace(one, place=plain, scores=scores, parameters=6_738_415_616)
    rows = rows_of([view], show=("supervised/f1",), seeds=None)
    (without,) = [row for row in compare_sweep("table", rows).rows if row.ours]
    assert without.name == "GNER-LLaMA-7B; supervised; w/o LCS+BT; F1"
    assert without.difference == pytest.approx(0.0)


def test_released_checkpoints_stand_beside_their_own_means() -> None:
    names = [r.corpus for r in find("Table 11", system="GNER-T5-xl", setting="zero-shot")]
    sample = {"split": "test", "corpora": [n for n in names if n != "mean"], "beside": "table-2"}
    views = []
    for label, paper in (("UniNER-7B-type", "UniNER-7B"), ("UniNER-7B-all", "")):
        tested = {"zero-shot": {**sample, "paper": paper}}
        view = point(1, 1, 0.54)
        views.append(
            replace(view, labels={"checkpoint": label}, place={**view.place, "tests": tested})
        )
    found = compare_sweep("systems", rows_of(views, show=("zero-shot/f1",), seeds=None))
    with_one, without = found.rows
    assert (with_one.name, with_one.source) == ("UniNER-7B-type, zero-shot", "Table 2")
    printed = next(find("Table 2", system="UniNER-7B", corpus="mean")).value
    assert with_one.difference == pytest.approx(54.0 - printed)
    assert (without.name, without.paper) == ("UniNER-7B-all, zero-shot", None)
    elsewhere = {"zero-shot": {**sample, "corpora": ["crossner-ai"], "paper": "UniNER-7B"}}
    some = replace(views[0], place={**views[0].place, "tests": elsewhere})
    left_out = compare_sweep("systems", rows_of([some], show=("zero-shot/f1",), seeds=None))
    assert (left_out.rows, left_out.elsewhere) == ([], True)


def test_the_best_of_each_column_is_marked_and_each_difference_to_the_first_is_shown() -> None:
    words, gold = ("Ada", "saw", "Rome"), ("B-person", "O", "B-city")
    some = [("B-person", "O", "O"), gold, gold]
    more = [gold, gold, gold]
    fewer = [("O", "O", "O"), gold, ("O", "O", "O")]

    def sentences(predicted: list[tuple[str, ...]]) -> list[Scored]:
        return [
            Scored(
                *(str(number), "music", words, gold, "", False, None, None, tags, None),
                *(0, 0, 0, 0, 0, False),
            )
            for number, tags in enumerate(predicted)
        ]

    by_beam = {1: some, 2: more, 3: fewer}
    params = read_scoring(None)
    views = [
        replace(point(beams, 1, 0.0), scores={"zero-shot": summarise(sentences(tags), params)})
        for beams, tags in by_beam.items()
    ]
    runs = {
        (view.name, "zero-shot"): counted(sentences(tags)[::-1], figures_of("zero-shot", SHOW))
        for view, tags in zip(views, by_beam.values(), strict=True)
    }
    rows = with_differences(rows_of(views, show=SHOW, seeds=None), SHOW, runs, params)
    first, second, third = (row.cells["zero-shot/f1"].difference for row in rows)
    assert first is None
    assert second is not None and third is not None
    tallies = [tally(sentences(tags), "pair", without=()).sentences for tags in (some, more)]
    paired = compare(tallies[0], tallies[1], params)[MEAN]
    assert (second.value, second.low, second.high) == (paired.value, paired.low, paired.high)
    assert second.low == 0.0 and not second.certain  # draws without the changed sentence
    assert third.value < 0
    content = SweepContent("toy", "beams", SHOW, ["beams"], None, rows, [])
    page = render_sweep(content)
    assert content.best("zero-shot/f1") == 1.0
    (row,) = [one for one in re.findall(r"<tr>.*?</tr>", page) if ">2</td>" in one][:1]
    text = " ".join(re.sub(r"<[^>]+>", " ", row).split())
    assert text.startswith("2 100.0 (–) +9.1 (+0.0 to +")  # all resamples are right: no interval
    assert re.findall(r'<b class="best"[^>]*>([^<]*)<', row) == ["100.0 (–)", "0.0"]
    assert "No difference to the first row is clear" in page
    saved = list(csv.DictReader(io.StringIO(as_csv(content))))
    assert saved[0]["zero-shot/f1 difference"] == ""
    assert float(saved[2]["zero-shot/f1 difference"]) == pytest.approx(100 * third.value, abs=1e-4)
    missed = [float(saved[2][f"zero-shot/UE difference{end}"]) for end in (" low", "", " high")]
    assert missed[0] <= missed[1] == 50.0 <= missed[2]  # four of the six entities instead of one


def test_rows_of_other_sentences_have_a_difference_without_an_interval() -> None:
    runs = {
        (f"toy-{beams}-1", "zero-shot"): Counted(str(beams), {"pair": {}, "UE": {}})
        for beams in (1, 2)
    }
    rows = rows_of([point(1, 1, 0.4), point(2, 1, 0.7)], show=SHOW, seeds=None)
    _, second = with_differences(rows, SHOW, runs, read_scoring(None))
    found = second.cells["zero-shot/f1"].difference
    assert found is not None
    assert (found.value, found.low) == (pytest.approx(0.3), None)
