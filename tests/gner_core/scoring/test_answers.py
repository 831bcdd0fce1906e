"""Scores of systems that answer with strings, on counts made by hand."""

from pathlib import Path

import pytest

from gner_core.config.scoring import ScoringParams
from gner_core.records import Answered
from gner_core.scoring.evaluate import summarise
from gner_core.scoring.metrics.tally import tally
from gner_core.scoring.scored import Scored, read_scored, score_answers, write_scored
from gner_core.systems.registry import text_system
from tests.gner_core.generation.test_texts import GOLLIE, UNINER

WORDS = ("The", "Berlin", "Post", "is", "read", "in", "Berlin", ".")
TAGS = ("O", "B-paper", "I-paper", "O", "O", "O", "B-city", "O")
TYPES = ("paper", "city", "person")
PARAMS = ScoringParams(level=0.95, resamples=100, seed=1, left_out=(), confidence_bins=5)


def answered(*outputs: str, finished: bool = True, skipped: str | None = None) -> Answered:
    ended = tuple(finished for _ in outputs)
    return Answered("one", "news", WORDS, TAGS, TYPES, outputs, ended, skipped, read=90, written=12)


@pytest.fixture
def scored() -> Scored:
    """The paper is found, Berlin twice as a city, and a person whom the sentence does not hold."""
    outputs = ('["Berlin Post"]', '["Berlin", "Berlin"]', '["Ada", "Ada')
    return score_answers(answered(*outputs), text_system(UNINER))


def test_overlaps_stay_in_pairs_and_are_resolved_in_spans(scored: Scored) -> None:
    assert scored.answers is not None
    assert [(s.start, s.end, s.label) for s in scored.answers.spans] == [
        (1, 2, "city"),
        (1, 3, "paper"),
        (6, 7, "city"),
    ]
    assert scored.predicted == TAGS  # the longer of two that overlap
    pair = tally([scored], "pair", without=()).scores(without=())["micro"]
    assert (pair["right"], pair["predicted"], pair["gold"]) == (2, 3, 2)  # and the hallucinated one
    span = tally([scored], "span", without=()).scores(without=())["micro"]
    assert (span["right"], span["predicted"], span["gold"]) == (2, 3, 2)


def test_a_summary_counts_what_is_no_entity_and_has_the_systems_own_metric(scored: Scored) -> None:
    skipped = score_answers(answered(skipped="over the token limits"), text_system(UNINER))
    summary = summarise([scored, skipped], PARAMS)
    counts = summary["answers"]["all"]
    assert counts["sentences"] == 2
    assert (counts["calls"], counts["prompt tokens"], counts["answer tokens"]) == (3, 180, 24)
    assert counts["hallucinated"] == len(scored.answers.hallucinated) > 0  # type: ignore[union-attr]
    assert counts["unread"] >= 1
    assert summary["texts"]["skipped"] == 1
    own = summary["published"]["corpora"]["news"]
    assert own["right"] == 2  # by type: the paper, and the city once
    assert "words" not in summary


def test_answers_survive_their_file(scored: Scored, tmp_path: Path) -> None:
    write_scored(tmp_path / "scored.parquet", [scored])
    assert read_scored(tmp_path / "scored.parquet") == [scored]


def test_an_answer_that_was_cut_off_is_counted() -> None:
    output = '[\n    Paper(span="Berlin Post"),\n    City(spa'
    scored = score_answers(answered(output, finished=False), text_system(GOLLIE))
    assert scored.cut_off and scored.unread
    assert scored.answers is not None
    assert [span.label for span in scored.answers.spans] == ["paper"]
