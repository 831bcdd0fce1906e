"""Inputs on which the published code loses or splits entities, and what is wanted of each."""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gner_core.config.systems.gner import MatchParams, TargetForm
from gner_core.errors import InputError
from gner_core.matching.contextual import align_in_context
from gner_core.matching.modes import Matcher
from gner_core.matching.paper import align
from gner_core.records import spans_of, tags_of
from gner_core.systems.gner.targets import BIO, target

MODES = ("gner", "paper", "position", "text")


def entities(mode: str, source: str, text: str, types: str, back: dict[str, str]) -> list[str]:
    params = MatchParams(mode=mode, back_tokenization=bool(back))  # type: ignore[arg-type]
    words = source.split()
    tags = Matcher(params, BIO, back=back)(words, types.split("|"), text).tags
    return [f"{' '.join(words[s.start : s.end])}={s.label}@{s.start}" for s in spans_of(tags)]


OUT = {"brontë": "bront"}


@pytest.mark.parametrize(
    ("source", "text", "types", "back", "wanted", "published"),
    [
        ("IBM grows", "IBM(B-firm (org)) grows(O)", "firm (org)", {}, ["IBM=firm (org)@0"], []),
        ("PhP(O)Cl2 boils", "PhP(O)Cl2(B-chem) boils(O)", "chem", {}, ["PhP(O)Cl2=chem@0"], []),
        ("take (B-12) now", "take(O) (B-12)(B-x) now(O)", "x", {}, ["(B-12)=x@1"], []),
        ("in Rome", "in(o) Rome(B-city)", "city", {}, ["Rome=city@1"], []),
        ("Ada waits", "Ada(B-a\nb) waits(O)", "a\nb", {}, ["Ada=a\nb@0"], []),
        (
            "new york is not york",
            "new(B-city) york(I-city) isnt(O)",
            "city",
            {},
            ["new york=city@0"],
            ["new=city@0", "york=city@4"],
        ),
        (
            "in the end the beatles won",
            "in(O) the(B-band) beatles(I-band) won(O)",
            "band",
            {},
            ["the beatles=band@3"],
            ["the=band@1", "beatles=band@4"],
        ),
        ("emily BRONTË", "emily(B-p) BRONTË(I-p)", "p", OUT, ["emily BRONTË=p@0"], ["emily=p@0"]),
        ("emily brontë", "emily(B-p) brontë(I-p)", "p", OUT, ["emily brontë=p@0"], ["emily=p@0"]),
        ("ëx and x", "and(O) x(B-p)", "p", {"ëx": "x"}, ["x=p@2"], ["x=p@2"]),
        ("x and ëx", "x(B-p)", "p", {"ëx": "x"}, ["x=p@0"], ["x=p@0"]),
        ("ëx or x", "x(B-p)", "p", {"ëx": "x"}, ["x=p@2"], ["ëx=p@0"]),
        ("the ł won", "the(O) (B-org) won(O)", "org", {"ł": ""}, ["ł=org@1"], []),
        ("the ł won", "the(O) (B-org) won(O)", "org", {}, ["ł=org@1"], []),
        ("bars in manhattan", "bars(O) in(O) manattan(B-x)", "x", {}, ["manhattan=x@2"], []),
        ("on York , now", "on(O) York,(B-x) now(O)", "x", {}, ["York=x@1"], []),
        ("see Seton 's book", "see(O) Seton's(B-x) book(O)", "x", {}, ["Seton=x@1"], []),
        ('the " York " bar', 'the(O) "York"(B-x) bar(O)', "x", {}, ["York=x@2"], []),
        ("in New York now", "in(O) NewYork(B-x) now(O)", "x", {}, ["New York=x@1"], []),
        ("a multi-agent b", "a(O) multi(B-x) -(I-x) agent(I-x) b(O)", "x", {}, ["multi-agent=x@1"], []),
        (
            "in the end the manhattan bridge",
            "in(O) the(B-x) manattan(I-x) bridge(I-x)",
            "x",
            {},
            ["the manhattan bridge=x@3"],
            ["the=x@3", "bridge=x@5"],
        ),
        (
            "bank of the west now",
            "bank(B-x) of(I-x) west(I-x) now(O)",
            "x",
            {},
            ["bank of the west=x@0"],
            ["bank of=x@0", "west=x@3"],
        ),
        ("Apple pie and apple", "apple(B-x)", "x", {}, ["apple=x@3"], ["Apple=x@0"]),
        ("a cat and a dog", "a(O) house(B-x) and(O) a(O) dog(O)", "x", {}, [], []),
    ],
)  # fmt: skip
def test_known_faults_of_the_published_code(
    source: str,
    text: str,
    types: str,
    back: dict[str, str],
    wanted: list[str],
    published: list[str],
) -> None:
    assert entities("gner", source, text, types, back) == wanted
    assert entities("paper", source, text, types, back) == published


def test_an_entity_that_could_stand_in_two_places_is_flagged() -> None:
    source, words = "york is york".split(), ["york"]
    result = align_in_context(source, words, ["B-x"], back={})
    assert result.ambiguous == 1
    assert align_in_context(source, ["york", "is"], ["B-x", "O"], back={}).ambiguous == 0


def test_gner_mode_is_nowhere_worse_than_paper_mode_on_real_outputs(
    published_scores: Callable[[MatchParams], dict[str, Any]],
) -> None:
    gner, paper = (
        published_scores(MatchParams(mode=mode, back_tokenization=True))  # type: ignore[arg-type]
        for mode in ("gner", "paper")
    )
    for name, row in gner["corpora"].items():
        assert row["f1"] >= paper["corpora"][name]["f1"], name
    assert gner["macro"]["f1"] > paper["macro"]["f1"] + 0.005


def test_long_inputs_with_heavy_repetition_take_no_time() -> None:
    source = ["a"] * 2000
    generated = ["a"] * 1990
    for place in (100, 700, 1300, 1500, 1800):
        generated[place] = "b"
    tags = ["B-x" if place % 10 == 0 else "O" for place in range(1990)]
    started = time.perf_counter()
    align_in_context(source, generated, tags, back={})
    middle = time.perf_counter()
    align(source, generated, tags, back={})
    ended = time.perf_counter()
    assert middle - started < 0.05 * 3  # a busy machine
    assert ended - middle < 3.0 * 3


WORD = st.text(min_size=1, max_size=12) | st.sampled_from(
    ["(", ")", "(O)", "(B-x)", "PhP(O)Cl2", "a", "A", "ß", "İ", "ﬁ", " ", "\n", "[", "]", "](x)"]
)
LABEL = st.text(min_size=1, max_size=8).filter(str.strip) | st.sampled_from(
    ["x", "a (b)", "a, b", "v-suv", "a\nb", "O", "B-x"]
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[str], list[str], str]:
    """A sentence, types, and a text: arbitrary, or a target with something cut out or put in."""
    words = draw(st.lists(WORD, max_size=12))
    types = draw(st.lists(LABEL, min_size=1, max_size=4, unique=True))
    tags = draw(st.lists(st.sampled_from(["O", *(f"{p}-{t}" for t in types for p in "BI")]),
                         min_size=len(words), max_size=len(words)))  # fmt: skip
    text = target(words, tags, BIO)
    at, size = draw(st.integers(0, len(text))), draw(st.integers(0, 9))
    changed = text[:at] + draw(st.text(max_size=6)) + text[at + size :]
    return words, types, draw(st.sampled_from([text, changed, draw(st.text(max_size=40))]))


FORMS = [
    TargetForm(labels=labels, context="full", gap="......") for labels in ("BIO", "BIOES", "brackets")
]  # fmt: skip


def check(mode: str, form: TargetForm, case: tuple[list[str], list[str], str]) -> None:
    words, types, text = case
    params = MatchParams(mode=mode, back_tokenization=mode in ("gner", "paper"))  # type: ignore[arg-type]
    matched = Matcher(params, form, back={"a": "", "ß": "x"})(words, types, text)
    carriers = words if matched.written is None else matched.written
    assert len(matched.tags) == len(carriers)
    assert tags_of(spans_of(matched.tags), len(carriers)) == matched.tags
    assert {span.label for span in spans_of(matched.tags)} <= set(types)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.labels)
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=60)
@given(case=cases())
def test_whatever_the_text_there_is_one_tag_a_word_and_valid_bio(
    mode: str, form: TargetForm, case: tuple[list[str], list[str], str]
) -> None:
    check(mode, form, case)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.labels)
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=9000)
@given(case=cases())
def test_the_same_for_a_hundred_thousand_texts(
    mode: str, form: TargetForm, case: tuple[list[str], list[str], str]
) -> None:
    check(mode, form, case)


@pytest.mark.parametrize("mode", MODES)
def test_texts_may_call_types_by_other_names(mode: str) -> None:
    params = MatchParams(mode=mode, back_tokenization=False)  # type: ignore[arg-type]
    match = Matcher(params, BIO, back={}, names={"city": "town"})
    matched = match(["Ada", "saw", "Rome"], ("city", "person"), "Ada(B-person) saw(O) Rome(B-town)")
    assert matched.tags == ("B-person", "O", "B-city")
    assert match(["Rome"], ("city",), "Rome(B-city)").unknown == 1  # it was not asked for
    with pytest.raises(InputError, match="city and town would both be called town"):
        match(["Rome"], ("city", "town"), "Rome(B-town)")


def test_ten_thousand_words_on_a_line() -> None:
    draw = random.Random(1)
    words = [draw.choice("abcdefghij") * draw.randint(1, 9) for _ in range(10_000)]
    other = [draw.choice("klmnop") * 3 for _ in range(10_000)]
    for text in (target(words, ["O"] * len(words), BIO), target(other, ["B-x"] * len(other), BIO)):
        for mode in MODES:
            params = MatchParams(mode=mode, back_tokenization=False)  # type: ignore[arg-type]
            matched = Matcher(params, BIO, back={})(words, ("x",), text)
            assert len(matched.tags) == 10_000
