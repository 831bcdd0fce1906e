"""The report shows what it was given and nothing that a model wrote can become markup."""

import base64
import csv
import io
import re
from dataclasses import replace

import pytest

from gner_core.config.reading.files import read_scoring
from gner_core.config.systems.gner import MatchParams
from gner_core.matching.modes import Matcher
from gner_core.records import Prediction
from gner_core.reports.experiment.content import (
    CorpusRow,
    EvaluationView,
    ReportContent,
    StageView,
)
from gner_core.reports.experiment.examples import choose_examples
from gner_core.reports.experiment.page import render
from gner_core.reports.head import with_head, with_links
from gner_core.reports.paper.compared import compare_with_paper
from gner_core.scoring.evaluate import summarise
from gner_core.scoring.scored import Scored, score
from gner_core.systems.gner.targets import BIO

PARAMS = read_scoring(None)
HOSTILE = "<script>alert(1)</script>"


def scored(text: str, probabilities: tuple[float, ...] | None = None) -> Scored:
    words, tags = ("Ada", "saw", "Rome"), ("B-person", "O", "B-city")
    decided = tags if probabilities else None
    types = ("city", "person")
    prediction = Prediction(
        "0", "toy", words, tags, types, text, True, None, decided, probabilities
    )
    match = MatchParams(mode="gner", back_tokenization=False)
    return score(prediction, Matcher(match, BIO, back={}))


@pytest.fixture
def content() -> ReportContent:
    sentences = [scored("Ada(B-person) saw(O) Rome(B-person)"), scored(HOSTILE)]
    counts = {"sentences": 1234, "words": 9, "entities": 3, "types": 2}
    curve = [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}]
    recipe = {
        "epochs": 1,
        "global_batch": 4,
        "learning_rate": 3e-4,
        "schedule": "cosine",
        "frozen_layers": 0,
    }
    chosen = {"update": 2, "by": "last"}
    summary = {
        "sentences": 5,
        "left_out": 1,
        "updates": 2,
        "chosen": chosen,
        "device": "cpu",
        "computed_in": "bfloat16",
    }
    manifest = {
        "step": "train",
        "title": "adaptation",
        "key": "abc123",
        "seconds": 12.34,
        "created": "2026-01-01",
    }
    return ReportContent(
        name="toy",
        models=[("Tiny <b>", 77_000_000)],
        decode={"beams": 2, "mode": "free"},
        match={"mode": "paper"},
        system="gner",
        level=0.9,
        corpora=[
            CorpusRow("toy", "test", {**counts, "repairs": {"blank tokens dropped": 7}}, "CC0")
        ],
        samples={"supervised": {"toy": {**counts, "of": 2000, "method": "random"}}},
        stages=[StageView("adaptation", recipe, summary, curve, leak="", layers=30)],
        evaluations=[
            EvaluationView("supervised", "held out", summarise(sentences, PARAMS), "Tiny as it is")
        ],
        paper={},
        examples=choose_examples({"supervised": sentences}, count=2),
        prompt=HOSTILE,
        values=[("decode.beams", 2, False), ("decode.seed", 1, True)],
        steps=[manifest],
        packages={"torch": "2.13.0"},
    )


def saved(page: str) -> dict[str, list[dict[str, str]]]:
    """The tables that a page lets one save: name of the file → rows."""
    found = re.findall(
        r'href="data:text/csv;charset=utf-8;base64,([^"]*)" download="([^"]*)"', page
    )
    return {
        name: list(csv.DictReader(io.StringIO(base64.b64decode(data).decode())))
        for data, name in found
    }


def test_every_table_can_be_saved(content: ReportContent) -> None:
    page = render(content)
    assert page.count("<table") == page.count('class="csv"') == len(saved(page))
    (score, mean) = saved(page)["toy-scores.csv"]
    assert (score["test"], score["corpus"], score["gold"]) == ("supervised", "toy", "4")
    assert (score["F1"], mean["corpus"], mean["gold"]) == ("33.3333", "mean", "")
    assert float(score["F1 low"]) <= float(score["F1"]) <= float(score["F1 high"])


def test_types_are_shown_with_what_they_are_taken_for(content: ReportContent) -> None:
    rows = {row["type"]: row for row in saved(render(content))["toy-types-supervised.csv"]}
    city, person = rows["city"], rows["person"]
    assert (city["gold"], city["missed"], city["taken for"]) == ("2", "1", "person 1")
    assert (person["right"], person["missed"], person["spurious"]) == ("1", "1", "0")


def test_sections_without_content_are_left_out(content: ReportContent) -> None:
    every = re.findall('<a href="#([a-z]+)">', render(content))
    assert every == re.findall('<section id="([a-z]+)">', render(content))
    assert {"scores", "types", "errors", "examples", "training", "data", "steps"} <= {*every}
    assert not {"paper", "answers", "confidence"} & {*every}
    bare = replace(content, evaluations=[], stages=[], examples=(), corpora=[], samples={})
    assert re.findall('<section id="([a-z]+)">', render(bare)) == ["values", "steps"]


def test_figures_take_the_colours_of_the_page(content: ReportContent) -> None:
    figures = re.findall(r"<svg.*?</svg>", render(content), re.DOTALL)
    assert len(figures) == 2
    for figure in figures:
        assert "currentColor" in figure and "var(--series-0)" in figure
        assert set(re.findall(r"#[0-9a-f]{6}", figure)) == set()


def test_the_page_shows_scores_counts_curves_examples_and_steps(content: ReportContent) -> None:
    page = render(content)
    for text in ("77,000,000", "1,234", "7 blank tokens dropped", "abc123", "12.3", "<svg", "50.0"):
        assert text in page, text
    assert "F1 (90 % interval)" in page
    assert not re.search(r"""(src|href)=["']https?:|url\(["']?https?:|@import""", page)


def test_confidence_is_shown_where_decoding_was_guided(content: ReportContent) -> None:
    assert "<h2>Confidence" not in render(content)
    guided = summarise([scored("", (0.95, 1.0, 0.62))], PARAMS)
    view = EvaluationView("zero-shot", "unseen", guided, "Tiny as it is")
    page = render(replace(content, evaluations=[*content.evaluations, view]))
    assert "<h2>Confidence" in page
    assert "zero-shot 21.5" in page  # the error: (0.05 + 0.38) / 2
    (table,) = [one for one in saved(page) if "-thresholds" in one]
    rows = {row["threshold"]: row for row in saved(page)[table]}
    assert (rows["0.6"]["predicted"], rows["0.6"]["recall"]) == ("2", "100.0")
    assert (rows["0.9"]["predicted"], rows["0.9"]["recall"]) == ("1", "50.0")


def test_the_page_says_which_weights_were_chosen_and_whether_that_leaks(
    content: ReportContent,
) -> None:
    (stage,) = content.stages
    assert "the last update" in render(content)
    looked = [{**point, "validation_loss": 1.5} for point in stage.curve]
    chosen = {"by": "sample", "update": 1, "validation_loss": 1.5, "sentences": 9, "left_out": 2}
    changed = replace(
        stage,
        summary={**stage.summary, "chosen": chosen},
        curve=looked,
        leak="chosen on the zero-shot targets mit-movie",
    )
    page = render(replace(content, stages=[changed]))
    assert "update 1: the lowest loss, 1.5000, on 7 validation sentences" in page
    assert "leaks:</strong> adaptation is chosen on the zero-shot targets mit-movie" in page
    assert "leaks" not in render(content)


def test_the_page_compares_scores_with_the_papers(content: ReportContent) -> None:
    assert "Compared with the paper" not in render(content)
    scores = {"f1": 0.4, "interval": [0.3, 0.45], "sentences": 50}
    summary = {"corpora": {"mit-movie": scores}, "macro": scores}
    found = compare_with_paper(
        HOSTILE,
        parameters=134_515_008,
        beams=1,
        scores={"zero-shot": summary},
        splits={"zero-shot": "test"},
    )
    others = compare_with_paper(
        "LLaMA-7B",
        parameters=6_738_415_616,
        beams=1,
        scores={"supervised": {"corpora": {"toy": scores}, "macro": scores}},
        splits={"supervised": "test"},
    )
    again = compare_with_paper(
        "LLaMA-7B",
        parameters=6_738_415_616,
        beams=1,
        scores={"supervised": {"corpora": {"ncbi": scores}, "macro": scores}},
        splits={"supervised": "test"},
    )
    page = render(replace(content, paper={"new": found, "none": others, "again": again}))
    assert "none tests no corpus of the paper" in page
    text = re.sub(r"<[^>]+>", " ", page)
    row = " ".join(text[text.index("mit-movie") :].split())
    # tested, ours, interval, the paper's with its deviation, difference, inside, compared systems
    shown = "mit-movie 50 of 2,443 tested 40.0 30.0–45.0 37.38 ± 1.8 +2.6 yes 5.3 63.0"
    assert row.startswith(shown)
    assert "mit-restaurant not run 14.3 ± 1.4" in " ".join(text.split())
    assert "is another model" in page
    assert "ours, 90 %" in page
    assert "GNER-T5-small (77M)" in page
    assert "ChatGPT, Avg: Table 3 says 34.9" in page
    assert "<script" not in page


def test_model_output_is_shown_as_text(content: ReportContent) -> None:
    page = render(replace(content, name=HOSTILE))
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "Tiny &lt;b&gt;" in page


def test_words_labels_and_names_of_corpora_are_shown_as_text(content: ReportContent) -> None:
    """Also in figures; labels stand in the markup of an entity, where quotes matter."""
    label = '"><img src=x onerror=alert(1)>'
    words, tags = (HOSTILE, "saw"), (f"B-{label}", "O")
    said = f"{HOSTILE}(B-{label}) saw(O)"
    prediction = Prediction("0", HOSTILE, words, tags, (label,), said, True, None, None, None)
    match = MatchParams(mode="gner", back_tokenization=False)
    sentences = [score(prediction, Matcher(match, BIO, back={}))]
    view = EvaluationView(HOSTILE, HOSTILE, summarise(sentences, PARAMS), HOSTILE)
    page = render(
        replace(
            content, evaluations=[view], examples=choose_examples({HOSTILE: sentences}, count=1)
        )
    )
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;") > 4
    assert "&lt;img" in page


def test_examples_mark_what_is_right_wrong_and_missed() -> None:
    (example,) = choose_examples(
        {"supervised": [scored("Ada(B-person) saw(O) Rome(B-person)")]}, count=3
    )
    assert example.errors == ("wrong type",)
    gold = {piece.text: piece.verdict for piece in example.gold if piece.label}
    predicted = {piece.text: piece.verdict for piece in example.predicted if piece.label}
    assert gold == {"Ada": "right", "Rome": "missed"}
    assert predicted == {"Ada": "right", "Rome": "wrong"}


def test_links_are_shown_below_the_title_and_escaped(content: ReportContent) -> None:
    page = render(content)
    assert "://" not in page.partition("<nav")[0]
    shown = with_links(page, {"all runs": 'http://host/#/runs?a="b"', HOSTILE: "http://host/2"})
    assert 'href="http://host/#/runs?a=&#34;b&#34;">all runs</a>' in shown
    assert HOSTILE not in shown
    assert with_links(shown, {}) == page


def test_the_head_of_a_page_holds_facts_about_its_run(content: ReportContent) -> None:
    shown = with_head(
        render(content), {"command": "gner run a.yaml --set 'b=<i>'", "commit": "abc"}
    )
    head = shown.partition("</h1>")[2].partition("<h2>")[0]
    assert "<dt>command</dt>" in head
    assert "gner run a.yaml --set &#39;b=&lt;i&gt;&#39;" in head


def test_what_differs_is_in_the_title_of_the_tab(content: ReportContent) -> None:
    shown = with_head(render(content), {"differs from the file": "decode.beams=2, a=<i>"})
    (title,) = re.findall("<title>(.*)</title>", shown)
    assert title.endswith(", decode.beams=2, a=&lt;i&gt;")
