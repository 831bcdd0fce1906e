import pytest
from hypothesis import given
from hypothesis import strategies as st

from gner_core.schemas.reading import read_tagged
from gner_core.schemas.targets import target

TYPES = ("person", "company (org)", "a, b", "vehicle-suv")


@pytest.mark.parametrize(
    ("text", "words", "tags"),
    [
        ("Ada(B-person) waves(O)", ("Ada", "waves"), ("B-person", "O")),
        ("Kowalski(B-person),(O)", ("Kowalski", ","), ("B-person", "O")),
        ("IBM(B-company (org)) x(O)", ("IBM", "x"), ("B-company (org)", "O")),
        ("x(B-a, b) y(I-a, b)", ("x", "y"), ("B-a, b", "I-a, b")),
        ("T(B-vehicle-suv)", ("T",), ("B-vehicle-suv",)),
        ("(O) b(O)", ("b",), ("O",)),
        ("((O) )(O)", ("(", ")"), ("O", "O")),
        ("Ada(B-planet) x(O)", ("Ada", "x"), ("O", "O")),
        ("Ada(B-person) wav", ("Ada",), ("B-person",)),
        ("", (), ()),
    ],
)
def test_reading(text: str, words: tuple[str, ...], tags: tuple[str, ...]) -> None:
    read = read_tagged(text, TYPES)
    assert (read.words, read.tags) == (words, tags)


def test_unknown_types_and_the_rest_are_reported() -> None:
    read = read_tagged("Ada(B-planet) x(O) cut(I-per", TYPES)
    assert read.unknown == 1
    assert read.rest == "cut(I-per"


@given(st.text(max_size=200))
def test_any_text_is_read_without_a_fault(text: str) -> None:
    read = read_tagged(text, TYPES)
    assert len(read.words) == len(read.tags)


WORD = st.text(
    st.characters(blacklist_categories=("Z", "C"), blacklist_characters="()"), min_size=1
)


@given(st.lists(st.tuples(WORD, st.sampled_from(["O", *(f"B-{t}" for t in TYPES)])), max_size=20))
def test_every_well_formed_target_is_read_back(pairs: list[tuple[str, str]]) -> None:
    words, tags = tuple(w for w, _ in pairs), tuple(t for _, t in pairs)
    read = read_tagged(target(words, tags), TYPES)
    assert (read.words, read.tags) == (words, tags)
