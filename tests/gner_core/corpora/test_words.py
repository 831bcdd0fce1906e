"""Words of raw text: exact offsets in every script, and words as training corpora have them."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gner_core.corpora.words import line_ends, sentence_ends, split_words
from gner_core.errors import InputError


def texts(text: str) -> list[str]:
    return [word.text for word in split_words(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Seton's U.S. trip ended.", ["Seton", "'s", "U.S.", "trip", "ended", "."]),
        ("I don’t know, can't say", ["I", "do", "n’t", "know", ",", "ca", "n't", "say"]),
        ("O'Brien (New York-based) paid $3.50", ["O'Brien", "(", "New", "York-based", ")", "paid", "$", "3.50"]),
        ("Mr. J. K. Rowling, 1,000 fans...", ["Mr.", "J.", "K.", "Rowling", ",", "1,000", "fans", "..."]),
        ("see http://a.b/c?d=1, me@x.org, @ada #ner", ["see", "http://a.b/c?d=1", ",", "me@x.org", ",", "@ada", "#ner"]),
        ("習近平在北京。", ["習", "近", "平", "在", "北", "京", "。"]),
        ("서울 타워", ["서울", "타워"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("e\u0301te\u0301 a\u0308rger", ["e\u0301te\u0301", "a\u0308rger"]),
        ("👨‍👩‍👧‍👦 🇩🇪🇫🇷 1️⃣ 👍🏽", ["👨‍👩‍👧‍👦", "🇩🇪", "🇫🇷", "1️⃣", "👍🏽"]),
        ("\ta\u00a0b\u200bc\r\nd\x00e ", ["a", "b", "c", "d", "e"]),
        ("", []),
        (" \t\n\u3000", []),
    ],
)  # fmt: skip
def test_words(text: str, words: list[str]) -> None:
    assert texts(text) == words


@settings(max_examples=300)
@given(st.text(max_size=60))
def test_words_slice_back_and_leave_only_separators_out(text: str) -> None:
    """For any text: offsets ascend, slices are the words, nothing visible is lost."""
    if any("\ud800" <= c <= "\udfff" for c in text):
        with pytest.raises(InputError, match="surrogate"):
            split_words(text)
        return
    words = split_words(text)
    last = 0
    between = []
    for word in words:
        assert word.text
        assert text[word.start : word.end] == word.text
        assert word.start >= last
        between.append(text[last : word.start])
        last = word.end
    left = "".join([*between, text[last:]])
    assert not any(c.isalnum() or (c.isprintable() and not c.isspace()) for c in left), left


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(InputError, match="character 4 is half a surrogate pair"):
        split_words("Ada \ud83d waves")


@pytest.mark.parametrize("unit", ["a.", "a+", "http:", "'s", "@", "1,", "x"])
def test_a_long_text_without_blanks_takes_no_longer_than_its_length_asks(unit: str) -> None:
    started = time.perf_counter()
    split_words(unit * (200_000 // len(unit)))
    assert time.perf_counter() - started < 5


def test_sentences_end_behind_closing_quotes_and_at_line_ends() -> None:
    text = 'He said "go." Then\nnothing'
    words = split_words(text)
    shown = [word.text for word in words]
    assert [w for w, end in zip(shown, sentence_ends(shown), strict=True) if end] == ['"']
    assert sentence_ends(shown).index(True) == shown.index(".") + 1
    assert [w for w, end in zip(shown, line_ends(text, words), strict=True) if end] == ["Then"]
