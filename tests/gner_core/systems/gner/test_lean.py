"""Reading the lean form: only words of entities have a label, and a sentence may hold anything."""

import random
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gner_core.config.reading.files import read_catalog, read_experiment
from gner_core.config.systems.gner import MatchParams
from gner_core.corpora.prepare import corpus_folder
from gner_core.corpora.splits import stream_any_split
from gner_core.matching.modes import Matcher
from gner_core.records import Sentence, is_bio
from gner_core.systems.gner.reading import ReadText, TagReader, read_lean
from gner_core.systems.gner.targets import LEAN, target

TYPES = ("person", "company (org)", "a, b", "vehicle-suv", "two\nlines")
READER = TagReader(TYPES)


def read(text: str, sentence: str) -> ReadText:
    return read_lean(text, sentence.split(), READER, gap="......")


@pytest.mark.parametrize(
    ("text", "words", "tags"),
    [
        ("Ada(B-person) waves", ["Ada", "waves"], ["B-person", "O"]),
        ("Kowalski(B-person), waits", ["Kowalski", ",", "waits"], ["B-person", "O", "O"]),
        ("to  Ada(B-person)\nB.(I-person)", ["to", "Ada", "B."], ["O", "B-person", "I-person"]),
        ("at IBM(B-company (org)) x", ["at", "IBM", "x"], ["O", "B-company (org)", "O"]),
        ("x(B-a, b) y(I-a, b) z", ["x", "y", "z"], ["B-a, b", "I-a, b", "O"]),
        ("x(B-two\nlines) y(I-two lines)", ["x", "y"], ["B-two\nlines", "I-two\nlines"]),
        ("T(B-vehicle-suv)", ["T"], ["B-vehicle-suv"]),
        ("a(o) b(b-PERSON) c(O)", ["a", "b", "c"], ["O", "B-person", "O"]),
        ("an Ada (B-person) waves", ["an", "Ada", "waves"], ["O", "B-person", "O"]),
        ("(B-person) b", ["", "b"], ["B-person", "O"]),
        ("( ) a(b) (c)(B-person)", ["(", ")", "a(b)", "(c)"], ["O", "O", "O", "B-person"]),
        ("Ada(B-person) ...... York", ["Ada", "York"], ["B-person", "O"]),
        ("no entity here", ["no", "entity", "here"], ["O", "O", "O"]),
        ("", [], []),
    ],
)
def test_reading(text: str, words: list[str], tags: list[str]) -> None:
    found = read(text, "some sentence")
    assert (found.words, found.tags, found.unknown, found.rest) == (words, tags, 0, "")


def test_words_that_look_like_labels_are_known_from_the_sentence() -> None:
    sentence = "in (B-12) and PhP(B-x)Cl2 boil (I-95)"
    words = sentence.split()
    assert read(sentence, sentence).tags == ["O"] * 6
    tags = ["O", "B-person", "O", "B-a, b", "O", "B-person"]
    copied = target(words, tags, LEAN)
    assert read(copied, sentence)[:2] == (words, tags)
    changed = copied.replace("and ", "")
    assert read(changed, sentence)[:2] == ([*words[:2], *words[3:]], [*tags[:2], *tags[3:]])


def test_unknown_types_and_an_unfinished_label_are_reported() -> None:
    found = read("Ada(B-planet) x cut(I-per", "Ada")
    assert found == ReadText(["Ada", "x"], ["O", "O"], 1, "cut(I-per")


def test_a_word_outside_the_vocabulary_leaves_an_empty_one() -> None:
    """As T5 writes `to ø(B-person) ~ York`; without such a word, the label is that of `to`."""
    reader = TagReader(("person",), back={"ø": "", "person": "person"})
    found = read_lean("to (B-person)  York", ["to", "ø", "ø", "York"], reader, gap="")
    assert found[:2] == (["to", "", "", "York"], ["O", "B-person", "O", "O"])
    found = read_lean("to (B-person)  York", ["to", "the", "York"], reader, gap="")
    assert found[:2] == (["to", "York"], ["B-person", "O"])


WORD = st.text(min_size=1, max_size=10).filter(lambda word: word == word.strip(" "))
LABEL = st.text(st.characters(exclude_characters="()"), min_size=1, max_size=10).filter(
    lambda label: label == " ".join(label.split()) and label.lower() == label
) | st.sampled_from(["company (org)", "a (b) c", "f(x)"])


@settings(max_examples=100)
@given(st.lists(LABEL, min_size=1, max_size=4, unique=True), st.lists(WORD, max_size=12), st.data())
def test_every_well_formed_target_is_read_back(
    types: list[str], words: list[str], data: st.DataObject
) -> None:
    """Words and labels of all of Unicode, words that look like labels among them."""
    allowed = ["O", *(f"{prefix}-{name}" for name in types for prefix in "BI")]
    tags = data.draw(st.lists(st.sampled_from(allowed), min_size=len(words), max_size=len(words)))
    found = read_lean(target(words, tags, LEAN), words, TagReader(types), gap="")
    assert (found.words, found.tags, found.unknown) == (words, tags, 0)


@settings(max_examples=100)
@given(st.text(max_size=200), st.lists(st.text(min_size=1, max_size=9), max_size=5))
def test_any_text_is_read_without_a_fault(text: str, words: list[str]) -> None:
    found = read_lean(text, words, READER, gap="...")
    assert len(found.words) == len(found.tags)


def read_back(sentences: Iterable[Sentence]) -> int:
    """Check that sentences are read back from their targets, exactly and without their blanks."""
    match = Matcher(MatchParams(mode="gner", back_tokenization=False), LEAN, back={})
    count = 0
    for s in sentences:
        count += 1
        text = target(s.words, s.tags, LEAN)
        assert match(s.words, s.types, text).tags == s.tags
        assert match(s.words, s.types, text.replace(" ,", ",")).tags == s.tags
    return count


def test_the_demo_corpora_are_read_back(root: Path) -> None:
    corpora = read_experiment(root / "params" / "demo.yaml", overrides=[]).corpora
    counted = Counter[str]()
    for name, corpus in corpora.items():
        for split in corpus.splits:
            given_ = stream_any_split(
                name, corpus, split=split, folder=corpus_folder("package"), repairs=Counter()
            )
            counted[name] += read_back(given_)
    assert sum(counted.values()) > 1000


@pytest.mark.parametrize("name", ["pile-ner-sample-short", "crossner-ai", "mit-movie", "bc5cdr"])
def test_real_sentences_are_read_back(shared: Path, root: Path, name: str) -> None:
    corpus = read_catalog(root / "params" / "corpora" / "published")[name]
    split = "test" if "test" in corpus.splits else "train"
    found = stream_any_split(
        name, corpus, split=split, folder=shared / "datasets", repairs=Counter()
    )
    assert read_back(islice(found, 400)) == 400


PUT = ("", "(", ")", " ", "(B-", "(I-person)", "(O)", "\n", "(B-a, b")


def mutated(text: str, draw: random.Random) -> str:
    """Return a text with some pieces lost, doubled, or put in."""
    for _ in range(draw.randrange(1, 6)):
        at, to = sorted(draw.randrange(len(text) + 1) for _ in "ab")
        to = min(to, at + 12)
        text = text[:at] + draw.choice([*PUT, 2 * text[at:to]]) + text[to:]
    return text


@pytest.mark.parametrize("count", [2_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_hostile_texts_become_valid_tags(news: list[Sentence], count: int) -> None:
    """Changed targets, of sentences with words that look like labels, too."""
    draw = random.Random(1)
    match = Matcher(MatchParams(mode="gner", back_tokenization=True), LEAN, back={"the": ""})
    odd = ("(B-12)", "PhP(O)Cl2", "(", ")", "the", "in(I-x)")
    for number in range(count):
        s = news[number % len(news)]
        start = draw.randrange(max(1, len(s.words) - 8))
        words = (*s.words[start : start + 8], *draw.sample(odd, 2))
        tags = (*s.tags[start : start + 8], "O", "O")
        text = mutated(target(words, tags, LEAN), draw)
        found = match(words, s.types, text)
        assert len(found.tags) == len(words)
        assert is_bio(found.tags)
