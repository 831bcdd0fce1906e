"""The page in a real browser: any text, any types, keyboard, contrast, phones."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from gner_core.predicting.predictor import Predictor
from tests.browser import chromium
from tests.gner_core.serving.stub import StubFinder, served, stub_predictor

pytestmark = pytest.mark.slow

HARD = "Ada 👩‍💻 met 🎉 Zoë &amp; <script>document.title='run'</script> <b>Bold</b> in 東京.\nمرحبا London في Rome."
CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")
SIZES = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served(stub_predictor()) as (client, _):
        yield client


class Opened:
    """A page with what went wrong on it."""

    def __init__(self, browser: Browser, address: str, *, width: int, scheme: Any) -> None:
        self.context = browser.new_context(
            color_scheme=scheme,
            viewport={"width": width, "height": 900},
            permissions=["clipboard-read", "clipboard-write"],
        )
        self.address = address
        self.wrong: list[str] = []
        self.requests: list[str] = []
        self.page = self.open("/")

    def open(self, path: str) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)  # fmt: skip
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(f"{self.address}{path}")
        expect(page.locator("#model")).to_contain_text("characters at a time")
        return page

    def find(self, text: str, types: str = "") -> None:
        self.page.fill("#text", text)
        self.page.fill("#type", types)
        self.page.click("#find")
        expect(self.page.locator("#summary")).to_contain_text("in ")

    def clipboard(self) -> str:
        return str(self.page.evaluate("navigator.clipboard.readText()"))


@pytest.fixture
def opened(browser: Browser, client: httpx.Client, request: pytest.FixtureRequest) -> Iterator[Opened]:  # fmt: skip
    width, scheme = getattr(request, "param", (1280, "light"))
    opened = Opened(browser, str(client.base_url), width=width, scheme=scheme)
    yield opened
    assert opened.wrong == []
    assert all(one.startswith(str(client.base_url)) for one in opened.requests)
    opened.context.close()


def marks(page: Page) -> list[str]:
    """The entities that are marked in the text."""
    script = "all => all.map(one => one.firstChild.data)"
    return list(page.locator("#shown mark").evaluate_all(script))


def shown_text(page: Page) -> str:
    """The text that is shown, without the names of types."""
    script = "one => { const copy = one.cloneNode(true); copy.querySelectorAll('.name').forEach(n => n.remove()); return copy.textContent; }"
    return str(page.locator("#shown").evaluate(script))


def entities(client: httpx.Client, text: str, types: list[str]) -> list[dict[str, Any]]:
    answer = client.post("/v1/predict", json={"texts": [text], "types": types}).json()
    return list(answer["predictions"][0]["entities"])


def test_emoji_right_to_left_and_markup_are_text(opened: Opened, client: httpx.Client) -> None:
    opened.find(HARD)
    wanted = entities(client, HARD, ["person", "city"])
    assert {"👩‍💻", "🎉", "Zoë", "東", "مرحبا", "Rome"} <= {e["text"] for e in wanted}
    assert marks(opened.page) == [e["text"] for e in wanted]
    assert shown_text(opened.page) == HARD
    assert opened.page.locator("#results script, #results b").count() == 0
    assert opened.page.title() == "gner"


def test_markup_in_types_is_text(opened: Opened) -> None:
    opened.find("Ada waves", '<img src=x onerror="document.title=1">')
    assert opened.page.locator("main img").count() == 0
    assert opened.page.title() == "gner"


def test_five_thousand_words(opened: Opened, client: httpx.Client) -> None:
    text = " ".join(f"Ada{n} 🎉 waves." if n % 7 == 0 else "so it goes" for n in range(1667))
    opened.find(text)
    wanted = entities(client, text, ["person", "city"])
    assert len(wanted) > 400
    assert marks(opened.page) == [e["text"] for e in wanted]
    assert shown_text(opened.page) == text


def test_no_types_and_no_text_are_said_at_once(opened: Opened) -> None:
    page = opened.page
    page.click("#find")
    expect(page.locator("#fault")).to_have_text("Give a text.")
    page.fill("#text", "Ada")
    for _ in range(2):
        page.click("#chips li:first-child button")
    page.click("#find")
    expect(page.locator("#fault")).to_have_text("Name at least one type to look for.")
    expect(page.locator("#type")).to_be_focused()
    page.click("#own")
    assert page.locator("#chips bdi").all_inner_texts() == ["person", "city"]


def test_what_the_server_refuses_is_said(opened: Opened) -> None:
    page = opened.page
    page.fill("#text", "x" * 600)
    page.click("#find")
    expect(page.locator("#fault")).to_contain_text("too long")
    opened.wrong.clear()  # the browser's own line about the status


@pytest.mark.parametrize("opened", SIZES, indirect=True)
def test_forty_types_have_readable_colours_of_their_own(opened: Opened) -> None:
    names = [f"type number {n}" for n in range(38)]
    opened.find(" ".join(f"{chr(65 + n % 26)}{n}{n % 10}" for n in range(120)), ", ".join(names))
    page = opened.page
    assert page.locator("#chips li").count() == 40
    colours = "all => all.map(one => getComputedStyle(one).backgroundColor)"
    assert len(set(page.locator("#chips li").evaluate_all(colours))) == 40
    assert page.locator("#shown mark").count() == 120
    found = page.evaluate(CONTRAST)
    assert len(found["texts"]) > 200
    assert [one for one in found["texts"] if one[1] < 4.5] == []
    assert len(found["borders"]) > 5
    assert [one for one in found["borders"] if one[1] < 3] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_all_of_it_works_with_the_keyboard(opened: Opened) -> None:
    page, keys = opened.page, opened.page.keyboard
    seen: list[str] = []

    def tab_to(what: str) -> None:
        for _ in range(12):
            keys.press("Tab")
            outline = page.evaluate("getComputedStyle(document.activeElement).outline")
            assert "3px" in outline
            assert "solid" in outline
            seen.append(page.evaluate("document.activeElement.id"))
            if page.locator(what).first.evaluate("one => one === document.activeElement"):
                return
        raise AssertionError(f"{what} is not reached: {seen}")

    tab_to("#text")
    keys.type("Ada of London met Bob.")
    tab_to("#chips button")
    keys.press("Enter")
    expect(page.locator("#chips li")).to_have_count(1)
    tab_to("#type")
    keys.type("river, a lake")
    keys.press("Enter")
    assert page.locator("#chips bdi").all_inner_texts() == ["city", "river", "a lake"]
    keys.press("Backspace")
    assert page.locator("#chips bdi").all_inner_texts() == ["city", "river"]
    keys.press("Control+Enter")
    expect(page.locator("#rows tr")).to_have_count(3)
    tab_to("#threshold")
    for _ in range(50):
        keys.press("ArrowRight")
    expect(page.locator("#summary")).to_contain_text("below 50\u00a0% left out")
    tab_to("#order")
    keys.press("ArrowDown")
    tab_to("#copy-json")
    keys.press("Enter")
    expect(page.locator("#status")).to_have_text("Copied the JSON.")
    tab_to("#rows button")
    keys.press("Enter")
    expect(page.locator("#shown mark:focus")).to_have_count(1)


def test_the_list_is_ordered_as_chosen(opened: Opened) -> None:
    opened.find("Cleo met Zoë, Ada and Bob")
    page = opened.page

    def column(number: int) -> list[str]:
        return page.locator(f"#rows td:nth-child({number})").all_inner_texts()

    in_text = column(1)
    page.select_option("#order", "confidence")
    sure = [float(one.split("\u00a0")[0]) for one in column(3)]
    assert sure == sorted(sure, reverse=True)
    assert column(1) != in_text
    page.select_option("#order", "type")
    assert column(2) == sorted(column(2), key=["person", "city"].index)
    page.select_option("#order", "position")
    assert column(1) == in_text == ["Cleo", "Zoë", "Ada", "Bob"]


def test_json_and_link_reproduce_the_request(opened: Opened, client: httpx.Client) -> None:
    opened.find(HARD, '"a, b & c#"')
    page = opened.page
    page.locator("#threshold").fill("40")
    page.select_option("#order", "confidence")
    page.click("#copy-json")
    expect(page.locator("#status")).to_have_text("Copied the JSON.")
    types = ["person", "city", "a, b & c#"]
    wanted = [e for e in entities(client, HARD, types) if e["confidence"] >= 0.4]
    assert json.loads(opened.clipboard()) == {"text": HARD, "entities": wanted}
    page.click("#copy-link")
    expect(page.locator("#status")).to_have_text("Copied the link.")
    again = opened.open(opened.clipboard().removeprefix(opened.address))
    expect(again.locator("#rows tr")).to_have_count(len(wanted))
    assert again.locator("#rows").inner_text() == page.locator("#rows").inner_text()
    assert again.locator("#chips bdi").all_inner_texts() == types


@pytest.mark.parametrize("opened", SIZES, indirect=True)
def test_nothing_is_cut_at_the_edges(opened: Opened) -> None:
    opened.find(f"{'Llanfairpwllgwyngyll' * 20} {HARD}", "a type with a very long name " * 4)
    inside = """all => all.filter(one => { const box = one.getBoundingClientRect();
      return box.width && (box.left < 0 || box.right > innerWidth); }).map(one => one.outerHTML)"""
    assert opened.page.locator("body *").evaluate_all(inside) == []


def test_stop_takes_the_request_out_of_the_queue(browser: Browser) -> None:
    finder = StubFinder()
    with served(stub_predictor(finder)) as (client, _):
        opened = Opened(browser, str(client.base_url), width=390, scheme="dark")
        opened.page.fill("#text", "Ada")
        opened.page.click("#find")
        expect(opened.page.locator("#status")).to_have_text("Working…")
        opened.page.click("#stop")
        expect(opened.page.locator("#status")).to_have_text("Stopped.")
        deadline = time.monotonic() + 5
        while client.get("/health").json()["unfinished"]:
            assert time.monotonic() < deadline
        finder.gate.set()
        opened.find("Zoë")
        assert marks(opened.page) == ["Zoë"]
        opened.context.close()


def test_a_token_is_asked_for(browser: Browser) -> None:
    with served(stub_predictor(), token="a-token-of-a-test") as (client, _):
        context = browser.new_context()
        page = context.new_page()
        page.goto(str(client.base_url))
        expect(page.locator("#fault")).to_have_text("This server needs its token.")
        page.fill("#token", "a-token-of-a-test")
        page.press("#token", "Tab")
        expect(page.locator("#chips li")).to_have_count(2)
        page.fill("#text", "Ada")
        page.click("#find")
        expect(page.locator("#rows tr")).to_have_count(1)
        context.close()


def test_systems_without_confidences_show_none(browser: Browser) -> None:
    finder = StubFinder(rated=False)
    finder.gate.set()
    predictor: Predictor = stub_predictor(finder)
    with served(predictor) as (client, _):
        opened = Opened(browser, str(client.base_url), width=1280, scheme="light")
        opened.find("Ada met Zoë")
        expect(opened.page.locator("#threshold-field")).to_be_hidden()
        assert opened.page.locator("#shown").inner_text().count("%") == 0
        assert "Confidence" not in opened.page.locator("table").inner_text()
        opened.context.close()
