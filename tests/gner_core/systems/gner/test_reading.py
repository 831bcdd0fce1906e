import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gner_core.systems.gner.published import read_published
from gner_core.systems.gner.reading import TagReader, read_bracketed, read_generated
from gner_core.systems.gner.targets import BIO, target

TYPES = ("person", "company (org)", "a, b", "vehicle-suv", "two\nlines")
READER = TagReader(TYPES)


@pytest.mark.parametrize(
    ("text", "words", "tags"),
    [
        ("Ada(B-person) waves(O)", ["Ada", "waves"], ["B-person", "O"]),
        ("Kowalski(B-person),(O)", ["Kowalski", ","], ["B-person", "O"]),
        ("Kowalski(B-person)  ,(O)\n", ["Kowalski", ","], ["B-person", "O"]),
        ("IBM(B-company (org)) x(O)", ["IBM", "x"], ["B-company (org)", "O"]),
        ("x(B-a, b) y(I-a, b)", ["x", "y"], ["B-a, b", "I-a, b"]),
        ("x(B-two\nlines) y(I-two lines)", ["x", "y"], ["B-two\nlines", "I-two\nlines"]),
        ("T(B-vehicle-suv)", ["T"], ["B-vehicle-suv"]),
        ("a(o) b(b-PERSON)", ["a", "b"], ["O", "B-person"]),
        ("(O) b(O)", ["", "b"], ["O", "O"]),
        ("((O) )(O)", ["(", ")"], ["O", "O"]),
        ("Ada(B-planet) x(O)", ["Ada", "x"], ["O", "O"]),
        ("Ada(B-person) wav", ["Ada"], ["B-person"]),
        ("", [], []),
    ],
)
def test_reading(text: str, words: list[str], tags: list[str]) -> None:
    read = read_generated(text, ("some", "sentence"), READER)
    assert (read.words, read.tags) == (words, tags)


def test_words_that_look_like_tags_are_known_from_the_sentence() -> None:
    words = ("PhP(O)Cl2", "and", "(B-12)", "boil")
    copied = target(words, ("B-person", "O", "B-a, b", "O"), BIO)
    assert read_generated(copied, words, READER).words == list(words)
    cut = copied.replace("and(O) ", "")
    read = read_generated(cut, words, READER)
    assert (read.words, read.tags) == (["PhP(O)Cl2", "(B-12)", "boil"], ["B-person", "B-a, b", "O"])


def test_unknown_types_and_the_rest_are_reported() -> None:
    read = read_generated("Ada(B-planet) x(O) cut(I-per", ("Ada",), READER)
    assert (read.unknown, read.rest) == (1, "cut(I-per")


def test_a_type_outside_the_vocabulary_is_read_as_the_tokenizer_writes_it() -> None:
    reader = TagReader(("Żołnierz",), back={"Żołnierz": "onierz"})
    assert read_generated("Jan(B-onierz)", ("Jan",), reader).tags == ["B-Żołnierz"]


@pytest.mark.parametrize(
    ("text", "words", "tags"),
    [
        ("Ada(B-person) waves(O) hap", ["Ada", "waves"], ["B-person", "O"]),
        ("IBM(B-company (org)) x(O)", ["IBM", ") x"], ["O", "O"]),
        ("in(o) Rome(B-person)", ["in(o) Rome"], ["B-person"]),
        ("(O) b( B-person)", [], []),
        ("x(B-two\nlines) y(O)", ["x(B-two\nlines) y"], ["O"]),
        ("a(I-person )", ["a"], ["I-person"]),
    ],
)
def test_reading_as_published(text: str, words: list[str], tags: list[str]) -> None:
    read = read_published(text, TYPES)
    assert (read.words, read.tags) == (words, tags)


def test_brackets_open_where_their_content_is_in_the_sentence() -> None:
    reader = TagReader(("city",))
    words = "[ 1 ] in [ New York ]".split()
    text = "[ 1 ] in [[ New York ]](city) ...... x](O) [moon](rock) ]"
    read = read_bracketed(text, words, reader, gap="......")
    assert read.words == ["[", "1", "]", "in", "[", "New", "York", "]", "x](O)", "moon", "]"]
    assert read.tags[4:8] == ["B-city", "I-city", "I-city", "I-city"]
    assert read.unknown == 1


@settings(max_examples=300)
@given(st.text(max_size=200), st.lists(st.text(min_size=1, max_size=9), max_size=5))
def test_any_text_is_read_without_a_fault(text: str, words: list[str]) -> None:
    for read in (
        read_generated(text, words, READER),
        read_published(text, TYPES),
        read_bracketed(text, words, READER, gap="..."),
    ):
        assert len(read.words) == len(read.tags)


WORD = st.text(min_size=1, max_size=10).filter(lambda word: word == word.strip(" "))
LABEL = st.text(min_size=1, max_size=10).filter(
    lambda label: label == " ".join(label.split()) and "(" not in label and label.lower() == label
) | st.sampled_from(["company (org)", "a (b) c", "f(x)"])


@settings(max_examples=500)
@given(st.lists(LABEL, min_size=1, max_size=4, unique=True), st.lists(WORD, max_size=12), st.data())
def test_every_well_formed_target_is_read_back(
    types: list[str], words: list[str], data: st.DataObject
) -> None:
    """Words and labels of all of Unicode, words that look like tags among them."""
    allowed = ["O", *(f"{prefix}-{name}" for name in types for prefix in "BI")]
    tags = data.draw(st.lists(st.sampled_from(allowed), min_size=len(words), max_size=len(words)))
    read = read_generated(target(words, tags, BIO), words, TagReader(types))
    assert (read.words, read.tags, read.unknown) == (words, tags, 0)
