"""Examples: what is wrong in each, and the worst first."""

from gner_core.reports.experiment.examples import choose_examples, example_of
from gner_core.scoring.scored import Scored

WORDS = ("Ada", "Lovelace", "saw", "New", "York")
GOLD = ("B-person", "I-person", "O", "B-city", "I-city")


def scored(predicted: tuple[str, ...], written: tuple[str, ...] | None = None) -> Scored:
    counts = (0, 0, 0, 0, 0, False)
    return Scored(
        *("0", "toy", WORDS, GOLD, "", False, None, None), predicted, written, *counts, None
    )


def test_each_kind_of_error_is_named() -> None:
    cases = {
        GOLD: ("no error",),
        ("O", "O", "O", "B-city", "I-city"): ("missed",),
        ("B-person", "I-person", "O", "B-person", "I-person"): ("wrong type",),
        ("B-person", "I-person", "O", "O", "B-city"): ("wrong boundary",),
        ("B-person", "I-person", "B-city", "B-city", "I-city"): ("spurious",),
        ("O", "B-person", "B-city", "O", "O"): ("wrong boundary", "missed", "spurious"),
    }
    for predicted, errors in cases.items():
        assert example_of("test", scored(predicted)).errors == errors


def test_entities_of_another_text_have_no_boundaries() -> None:
    example = example_of("test", scored(("B-city",), ("York",)))
    assert example.errors == ("missed", "spurious")


def test_the_worst_are_first_and_all_tests_have_some() -> None:
    good, bad = scored(GOLD), scored(("O",) * 5)
    chosen = choose_examples({"one": [good, bad, good], "two": [bad, good]}, count=4)
    assert [example.faults for example in chosen] == [2, 2, 0, 0]
    assert {example.test for example in chosen} == {"one", "two"}
