"""Repeats, leaks, label noise and shared types on sentences small enough to count by hand."""

import json
from dataclasses import asdict

from gner_core.corpora.audit import audit_corpus, shared_types
from gner_core.records import Sentence


def sentence(text: str, tags: str = "") -> Sentence:
    words = tuple(text.split())
    return Sentence("x", "toy", words, tuple(tags.split()) or ("O",) * len(words), ("person",))


def test_repeats_within_a_split_and_between_splits_are_counted() -> None:
    train = [sentence("Ada waves"), sentence("Bob sits"), sentence("Ada waves")]
    valid = [sentence("Cleo sings"), sentence("Ada waves")]
    test = [sentence("Cleo sings"), sentence("Cleo sings"), sentence("Dan runs")]
    audit = audit_corpus("toy", {"test": test, "train": train, "valid": valid})
    assert [(d.split, d.sentences, d.repeated) for d in audit.duplicates] == [
        ("train", 3, 1),
        ("valid", 2, 0),
        ("test", 3, 1),
    ]
    assert [(o.earlier, o.later, o.shared) for o in audit.overlaps] == [
        ("train", "valid", 1),
        ("train", "test", 0),
        ("valid", "test", 2),
    ]
    assert audit.overlaps[0].examples == ("Ada waves",)
    assert audit.noise.repeated_texts == 2
    assert audit.noise.differing == 0


def test_upper_case_and_word_borders_make_another_sentence() -> None:
    joined = Sentence("y", "toy", ("New York",), ("O",), ())
    for other in (sentence("new York"), joined):
        audit = audit_corpus("toy", {"train": [sentence("New York"), other]})
        assert audit.duplicates[0].repeated == audit.noise.differing == 0


def test_the_same_words_with_different_tags_are_label_noise_across_splits() -> None:
    audit = audit_corpus(
        "toy",
        {
            "train": [sentence("Ada waves", "B-person O"), sentence("Bob sits")],
            "test": [sentence("Ada waves", "O O"), sentence("Bob sits")],
        },
    )
    assert audit.noise.repeated_texts == 2
    assert audit.noise.differing == 1
    assert audit.noise.examples == ("Ada waves",)


def test_a_copied_split_is_a_leak_of_every_sentence() -> None:
    test = [sentence(f"word{n}") for n in range(5)]
    audit = audit_corpus("toy", {"valid": test, "test": test})
    assert [(o.earlier, o.shared, o.sentences) for o in audit.overlaps] == [("valid", 5, 5)]


def test_an_audit_is_plain_json() -> None:
    audit = audit_corpus("toy", {"train": [sentence("a"), sentence("a")]})
    assert json.loads(json.dumps(asdict(audit)))["duplicates"][0]["repeated"] == 1


def test_zero_shot_types_are_found_in_training_types_whatever_their_case() -> None:
    found = shared_types(
        {"food": ["Location", "dish"], "music": ["band"]},
        {"pile": ["location", "person"], "news": ["LOCATION"]},
    )
    assert found == {"food": {"Location": ["pile", "news"]}, "music": {}}
