"""Table 1 and Table 9, by hand."""

import pytest

from gner_core.config.systems.gner import MatchParams
from gner_core.matching.modes import Matcher
from gner_core.records import Prediction
from gner_core.scoring.analysis.errors import Errors, edit_examples, entity_errors, word_edits
from gner_core.scoring.scored import score
from gner_core.systems.gner.targets import BIO


@pytest.mark.parametrize(
    ("gold", "found", "counts"),
    [
        ("B-x I-x O", "B-x I-x O", {"right": 1}),
        ("B-x I-x O", "O O B-x", {"UE": 1, "false positive": 1}),
        ("B-x I-x O", "B-x O O", {"BE": 1}),
        ("B-x I-x O", "O B-x I-x", {"BE": 1}),
        ("B-x I-x O", "B-y I-y O", {"NE": 1}),
        ("B-x I-x O", "B-y O O", {"NE": 1, "NE, boundary wrong too": 1}),
        ("B-x I-x O", "B-y B-x O", {"BE": 1}),  # the right type overlaps: not a noisy error
        ("B-x B-x O", "B-x I-x O", {"BE": 2}),
        ("O O O", "B-x O B-y", {"false positive": 2}),
    ],
)
def test_every_class_of_table_1(gold: str, found: str, counts: dict[str, int]) -> None:
    errors = entity_errors(gold.split(), found.split()).counts
    names = ("right", "UE", "NE", "BE", "NE, boundary wrong too", "false positive")
    assert {name: errors[name] for name in names if errors[name]} == counts


def test_three_denominators_and_the_confusion_of_types() -> None:
    errors = Errors()
    errors.extend(entity_errors("B-x I-x O B-y O".split(), "B-y O O B-y B-x".split()))
    errors.extend(entity_errors("B-x O".split(), "O O".split()))
    values = errors.values()
    assert values["counts"]["gold"] == 3
    assert values["counts"]["union"] == 5  # three gold, three predicted, one of them the same
    assert values["counts"]["words"] == 7
    assert values["shares"]["NE"] == {"gold": 1 / 3, "union": 1 / 5, "words": 1 / 7}
    assert values["shares"]["UE"]["gold"] == 1 / 3
    assert values["confusion"] == {"O": {"x": 1}, "x": {"O": 1, "y": 1}, "y": {"y": 1}}


def test_words_that_were_omitted_added_and_substituted_with_examples() -> None:
    match = Matcher(MatchParams(mode="paper", back_tokenization=False), BIO, back={})
    texts = ("a(O) b(B-x) c(O)", "a(O) c(O)", "a(O) b(O) b(O) c(O)", "a(O) z(O) c(O)")
    rows = [
        score(Prediction(str(n), "t", tuple("abc"), ("O",) * 3, ("x",), text, True, None), match)
        for n, text in enumerate(texts)
    ]
    assert word_edits(rows) == {"omitted": 1, "added": 1, "substituted": 1}
    assert edit_examples(rows, limit=2) == {
        "omitted": [("a b c", "a c")],
        "added": [("a b c", "a b b c")],
        "substituted": [("a b c", "a z c")],
    }
