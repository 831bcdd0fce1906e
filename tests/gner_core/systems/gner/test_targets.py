"""The forms of Fig. 3, with the figure's own sentence."""

import pytest
from pydantic import ValidationError

from gner_core.config.systems.gner import MatchParams, TargetForm
from gner_core.matching.modes import Matcher
from gner_core.records import spans_of
from gner_core.systems.gner.targets import bioes, longest_target, target

WORDS = "John explored Tokyo , sampling its famed sushi , and flew back to New York .".split()
TAGS = ["O"] * len(WORDS)
TAGS[0], TAGS[2], TAGS[13], TAGS[14] = "B-Person", "B-Location", "B-Location", "I-Location"
GAP = "......"
LABELS = ("BIO", "BI", "BIOES", "brackets")


def form(labels: str, context: int | str = "full", gap: str = GAP) -> TargetForm:
    return TargetForm.model_validate({"labels": labels, "context": context, "gap": gap})


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (form("brackets", 0), "[John](Person) [Tokyo](Location) [New York](Location)"),
        (
            form("brackets", 1),
            "[John](Person) explored [Tokyo](Location) , ...... to [New York](Location) .",
        ),
        (
            form("brackets"),
            (
                "[John](Person) explored [Tokyo](Location) , sampling its famed sushi , and flew back"
                " to [New York](Location) ."
            ),
        ),
        (
            form("BIO", 1, gap=""),
            (
                "John(B-Person) explored(O) Tokyo(B-Location) ,(O) to(O) New(B-Location)"
                " York(I-Location) .(O)"
            ),
        ),
        (
            form("BIO"),
            (
                "John(B-Person) explored(O) Tokyo(B-Location) ,(O) sampling(O) its(O) famed(O) sushi(O)"
                " ,(O) and(O) flew(O) back(O) to(O) New(B-Location) York(I-Location) .(O)"
            ),
        ),
        (
            form("BI", 1),
            (
                "John(B-Person) explored Tokyo(B-Location) , ...... to New(B-Location)"
                " York(I-Location) ."
            ),
        ),
        (
            form("BI"),
            (
                "John(B-Person) explored Tokyo(B-Location) , sampling its famed sushi , and flew back"
                " to New(B-Location) York(I-Location) ."
            ),
        ),
        (
            form("BIOES"),
            (
                "John(S-Person) explored(O) Tokyo(S-Location) ,(O) sampling(O) its(O) famed(O) sushi(O)"
                " ,(O) and(O) flew(O) back(O) to(O) New(B-Location) York(E-Location) .(O)"
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.labels}-{value.context}",
)
def test_the_forms_of_figure_3_and_reading_them_back(shape: TargetForm, text: str) -> None:
    assert target(WORDS, TAGS, shape) == text
    match = Matcher(MatchParams(mode="gner", back_tokenization=False), shape, back={})
    found = match(WORDS, ("Person", "Location"), text)
    assert spans_of(found.tags) == spans_of(TAGS)
    assert (found.unknown, found.unread, found.added, found.substituted) == (0, False, 0, 0)


@pytest.mark.parametrize("context", [0, 1, 2, 5, "full"])
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("gap", ["", GAP])
def test_every_context_length_is_read_back(labels: str, context: int | str, gap: str) -> None:
    shape = form(labels, context, gap)
    match = Matcher(MatchParams(mode="gner", back_tokenization=False), shape, back={})
    text = target(WORDS, TAGS, shape)
    assert list(match(WORDS, ("Person", "Location"), text).tags) == TAGS


def test_bioes() -> None:
    assert bioes(["B-x", "I-x", "I-x", "B-x", "O", "B-y"]) == [
        "B-x",
        "I-x",
        "E-x",
        "S-x",
        "O",
        "S-y",
    ]


def test_no_target_is_longer_than_the_longest() -> None:
    for shape in (form("BIO"), form("BI"), form("BIOES"), form("brackets")):
        assert len(longest_target(WORDS, ("Person", "Location"), shape)) >= len(
            target(WORDS, TAGS, shape)
        )
    assert longest_target(("a", "b"), (), form("BIO")) == "a(O) b(O)"
    assert longest_target(("a", "b"), (), form("BI")) == "a b"


def test_forms_that_keep_every_word_with_a_tag_or_none_can_be_guided() -> None:
    guided = [(labels, context) for labels in LABELS for context in (1, "full")
              if form(labels, context).can_be_guided]  # fmt: skip
    assert guided == [("BIO", "full"), ("BI", "full")]


def test_a_negative_context_is_refused() -> None:
    with pytest.raises(ValidationError, match="context must be at least 0, or full"):
        form("BIO", -1)
