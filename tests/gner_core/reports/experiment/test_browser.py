"""The report in a real browser, opened as a file: filters, downloads, a phone, the dark."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="needs playwright")
from playwright.sync_api import Page

from gner_core.reports.experiment.content import EvaluationView, ReportContent
from gner_core.reports.experiment.examples import choose_examples
from gner_core.reports.experiment.page import render
from gner_core.scoring.evaluate import summarise
from tests.browser import chromium
from tests.gner_core.reports.experiment.test_page import PARAMS, content, scored

__all__ = ["content"]  # a fixture
pytestmark = pytest.mark.slow
PHONE = {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    with chromium() as browser:
        yield browser.new_page(viewport=PHONE)


@pytest.fixture
def page(browser_page: Page, content: ReportContent, tmp_path: Path) -> Page:
    texts = ("Ada(B-person) saw(O) Rome(B-person)", "Ada(B-person) saw(O) Rome(B-city)", "saw(O)")
    sentences = [scored(text) for text in texts]
    file = tmp_path / "toy.html"
    shown = replace(
        content,
        examples=choose_examples({"supervised": sentences}, count=3),
        evaluations=[EvaluationView("supervised", "", summarise(sentences, PARAMS), "Tiny")],
    )
    file.write_text(render(shown), encoding="utf-8")
    faults: list[str] = []
    browser_page.on("console", lambda message: faults.append(message.text))
    browser_page.emulate_media(color_scheme="light")
    browser_page.goto(file.as_uri())
    assert not faults
    return browser_page


def test_examples_are_filtered_and_counted(page: Page) -> None:
    shown = page.locator(".example:visible")
    assert shown.count() == 3
    page.locator("select.error").select_option(label="wrong type")
    assert shown.count() == 1
    assert "Rome" in shown.inner_text()
    page.locator("select.error").select_option(label="no error")
    assert shown.count() == 1
    page.locator("select.error").select_option(label="all")
    page.locator("select.type").select_option(label="city")
    assert shown.count() == 3


def test_a_table_is_saved_without_a_server(page: Page) -> None:
    with page.expect_download() as download:
        page.locator("#scores .csv").click()
    assert download.value.suggested_filename == "toy-scores.csv"
    text = Path(download.value.path()).read_text()
    assert text.startswith("test,corpus,precision,recall,F1,F1 low,F1 high,strict F1,sentences")


def test_on_a_phone_f1_stays_in_view_and_nothing_is_wider_than_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    cell = page.locator("#scores tr.mean .stays")
    for scrolled in (0, 60, 10_000):
        page.locator("#scores .box").evaluate(f"box => box.scrollLeft = {scrolled}")
        box = cell.bounding_box()
        assert box is not None
        assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]
    lefts = page.locator("#training svg, #scores svg").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().left)"
    )
    assert max(lefts) - min(lefts) < 40  # below one another


def test_contents_stay_at_the_top(page: Page) -> None:
    page.locator("nav a", has_text="Steps").click()
    box = page.locator("nav").bounding_box()
    assert box is not None
    assert box["y"] == pytest.approx(0, abs=1)


def test_in_the_dark_page_and_figures_are_dark(page: Page) -> None:
    def ink() -> list[str]:
        script = "[...document.querySelectorAll('body, #scores svg')].map(one => getComputedStyle(one).color)"
        return [str(one) for one in page.evaluate(script)]

    light = ink()
    page.emulate_media(color_scheme="dark")
    dark = ink()
    assert len(set(light)) == len(set(dark)) == 1
    assert light != dark
