"""Which names of entity types are the same, wherever they are given."""

import pytest
import yaml

from gner_core.config.corpus import CorpusParams
from gner_core.config.reading.files import validated
from gner_core.errors import InputError
from gner_core.systems.naming import ours_by_name
from gner_core.type_names import of_one_type

ENTRY = """
files: {train: [train.tsv]}
format: {kind: conll, scheme: bio, separator: tab, columns: 2, token_column: 0, tag_column: 1}
labels: open
labels_to_o: []
cut_at_words: null
licence: none stated
origin: own corpus
"""


def entry(**values: object) -> CorpusParams:
    return validated(CorpusParams, {**yaml.safe_load(ENTRY), **values}, "own.yaml")


def test_names_that_look_alike_are_of_one_type() -> None:
    names = ["Person", "person", "per son", "person ", "per\u200bson", "caf\u00e9", "CAFE\u0301"]
    assert of_one_type(names) == [
        ["Person", "person", "person ", "per\u200bson"],
        ["caf\u00e9", "CAFE\u0301"],
    ]


@pytest.mark.parametrize(
    ("labels", "to_o", "message"),
    [
        ({}, [], "labels is empty"),
        ({"PER": " "}, [], "PER: ' ' is blank"),
        ({"PER": "\u200b"}, [], "PER: .* is blank"),
        ({"PER": "o"}, [], r"O is no type; labels_to_o: \[PER\] makes PER O"),
        ({"PER": "per\nson"}, [], "PER: .* holds blanks that are not seen; write 'per son'"),
        ({"PER": "person  "}, [], "PER: .* holds blanks that are not seen; write 'person'"),
        ({"PER": "per\0son"}, [], "PER: .* holds the control character"),
        ({"PER": "B-person"}, [], "PER: 'B-person' looks like a tag; write 'person'"),
        ({"PER": "person", "LOC": "Person"}, [], "'person' and 'Person' are one type.*PER, LOC"),
        ({"A": "caf\u00e9", "B": "cafe\u0301"}, [], ".* are one type.* give A, B one name"),
        ({"PER": "person", "PER ": "place"}, [], "'PER' and 'PER ' are one label"),
        ({"LOC": "location"}, ["LOC"], "labels_to_o: 'LOC' has a type in labels, too: 'location'"),
        ({"LOC": "location"}, [" LOC"], "labels_to_o: ' LOC' has a type in labels, too"),
    ],
)
def test_contradictory_entries_are_refused(
    labels: dict[str, str], to_o: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=f"^own.yaml: (labels: )?{message}"):
        entry(labels=labels, labels_to_o=to_o)


def test_labels_may_share_a_type_and_differ_in_capitals() -> None:
    labels = {
        "PER": "person",
        "per": "person",
        "T-cell": "T-cell",
        "LOC": "\u0645\u06cc\u200c\u0634",
    }
    assert entry(labels=labels, labels_to_o=["loc"]).labels == labels


def test_a_split_names_at_least_one_file() -> None:
    with pytest.raises(InputError, match=r"own.yaml: files: train names no file"):
        entry(files={"train": []})


def test_names_of_a_system_are_told_apart_as_types_are() -> None:
    with pytest.raises(InputError, match="person and human would both be called Person"):
        ours_by_name(["person", "human"], {"human": "Person"})
    assert ours_by_name(["Person", "person"], {}) == {"Person": "Person", "person": "person"}
