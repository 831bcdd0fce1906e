"""Verdicts on claims, and the paper's numbers beside ours."""

import pytest

from gner_core.config.studies.results import Claim, PaperRef
from gner_core.errors import InputError
from gner_core.reports.results.claims import word_of
from gner_core.reports.results.paper import paper_numbers
from gner_core.reports.sweep.content import Difference


@pytest.mark.parametrize(
    ("bound", "low", "high", "word"),
    [
        ({"above": 0.0}, 0.001, 0.02, "confirmed"),
        ({"above": 0.0}, -0.02, -0.001, "refuted"),
        ({"above": 0.0}, -0.001, 0.02, "undecided"),
        ({"above": 0.0}, 0.0, 0.02, "undecided"),  # 0 itself is no gain
        ({"above": -1.0}, -0.009, 0.02, "confirmed"),  # holds within a point
        ({"above": -1.0}, -0.02, 0.02, "undecided"),
        ({"below": 1.0}, -0.02, 0.009, "confirmed"),  # gains less than a point
        ({"below": 1.0}, 0.011, 0.02, "refuted"),
        ({"below": 1.0}, 0.0, 0.02, "undecided"),
        ({"below": 0.0}, -0.02, -0.001, "confirmed"),
    ],
)
def test_a_claim_is_decided_by_the_whole_interval(
    bound: dict[str, float], low: float, high: float, word: str
) -> None:
    sides = {"of": {"form": "full"}, "against": {"form": "none"}}
    claim = Claim.model_validate({"says": "It helps.", "score": "test/f1", **sides, **bound})
    assert word_of(claim, Difference((low + high) / 2, low, high)) == word


def ref(source: str, system: str, setting: str, score: str = "zero-shot/f1") -> PaperRef:
    return PaperRef(of={}, score=score, source=source, system=system, setting=setting)


SMALL = ref("Table 11", "GNER-T5-small", "zero-shot; beam=1; 5 runs")
CORPORA = (
    *("crossner-ai", "crossner-literature", "crossner-music", "crossner-politics"),
    *("crossner-science", "mit-movie", "mit-restaurant"),
)


def test_the_mean_of_the_paper_is_over_the_corpora_that_are_tested() -> None:
    assert paper_numbers(SMALL, CORPORA).mean == "48.2"
    two = paper_numbers(SMALL, ["crossner-ai", "mit-restaurant"])
    assert two.mean == f"{(50.18 + 14.3) / 2:.2f}"
    assert two.corpora["crossner-ai"] == "50.18"
    assert paper_numbers(SMALL, ["crossner-ai", "ncbi"]).mean is None


def test_settings_are_those_of_the_paper_to_the_letter() -> None:
    table_1 = "Flan-T5-large (10K Pile-NER)"
    found = paper_numbers(ref("Table 1", table_1, "w/ full context"), CORPORA)
    assert (found.mean, found.corpora) == ("61.0", {})  # not that of BIO, which begins alike
    errors = paper_numbers(ref("Table 1", table_1, "w/ full context", "zero-shot/NE"), CORPORA)
    assert errors.mean == "14.9"
    with pytest.raises(InputError, match=r"Table 1, .*full: no f1 in numbers\.csv"):
        paper_numbers(ref("Table 1", table_1, "full"), CORPORA)
