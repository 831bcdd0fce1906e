from collections.abc import Iterator
from pathlib import Path

import pytest

from gner_core.records import (
    ROW_GROUP,
    Prediction,
    Sentence,
    Span,
    iter_sentences,
    read_predictions,
    read_sentences,
    spans_of,
    tags_of,
    write_predictions,
    write_sentences,
)


def test_spans_are_read_from_bio_and_written_back() -> None:
    tags = ("B-person", "I-person", "O", "B-location", "B-location", "I-location")
    spans = [Span(0, 2, "person"), Span(3, 4, "location"), Span(4, 6, "location")]
    assert spans_of(tags) == spans
    assert tags_of(spans, 6) == tags


def test_an_orphan_inside_tag_and_a_change_of_type_open_entities() -> None:
    assert spans_of(("I-person", "I-location", "O")) == [
        Span(0, 1, "person"),
        Span(1, 2, "location"),
    ]


def test_overlapping_spans_are_refused() -> None:
    with pytest.raises(ValueError, match="overlaps"):
        tags_of([Span(0, 2, "a"), Span(1, 3, "b")], 3)
    with pytest.raises(ValueError, match="does not lie inside"):
        tags_of([Span(2, 4, "a")], 3)


def test_records_survive_parquet(tmp_path: Path) -> None:
    sentence = Sentence("x/test/0", "x", ("Łódź", "\\"), ("B-city", "O"), ("city", "a, b (c)"))
    write_sentences(tmp_path / "s.parquet", [sentence])
    assert read_sentences(tmp_path / "s.parquet") == [sentence]
    predictions = [
        Prediction(*_fields(sentence), text="Łódź(B-city)", finished=False, skipped=None),
        Prediction(*_fields(sentence), text="", finished=False, skipped="too long"),
    ]
    write_predictions(tmp_path / "p.parquet", predictions)
    assert read_predictions(tmp_path / "p.parquet") == predictions


def test_sentences_are_written_and_read_in_batches(tmp_path: Path) -> None:
    number = ROW_GROUP + 3

    def stream() -> Iterator[Sentence]:
        for n in range(number):
            words = (f"w{n}", *"ab"[: n % 3])
            yield Sentence(str(n), "c", words, ("O",) * len(words), () if n % 2 else ("t", "u"))

    write_sentences(tmp_path / "s.parquet", stream())
    read = iter_sentences(tmp_path / "s.parquet")
    assert all(one == two for one, two in zip(read, stream(), strict=True))


def _fields(s: Sentence) -> tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    return s.id, s.corpus, s.words, s.tags, s.types
