import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gner_core.config.systems.gner import MatchParams
from gner_core.matching.alignment import edits
from gner_core.matching.modes import Matched, Matcher
from gner_core.matching.paper import align
from gner_core.systems.gner.targets import BIO


def run(source: str, text: str, back: dict[str, str] | None = None) -> Matched:
    params = MatchParams(mode="paper", back_tokenization=back is not None)
    return Matcher(params, BIO, back=back or {})(source.split(), ("x", "y"), text)


def changed(matched: Matched) -> tuple[int, int, int]:
    return matched.omitted, matched.added, matched.substituted


def test_an_exact_copy_in_any_case() -> None:
    result = run("Ada Waves", "ada(B-x) WAVES(O)")
    assert result.tags == ("B-x", "O")
    assert changed(result) == (0, 0, 0)


def test_omitted_words_get_o_and_split_the_entity() -> None:
    result = run("who directed the film the lorax", "who(O) directed(O) the(B-x) lorax(I-x)")
    assert result.tags == ("O", "O", "B-x", "O", "O", "B-x")
    assert changed(result) == (2, 0, 0)


def test_added_words_are_dropped() -> None:
    result = run("navarra suma won", "navarra(B-x) navarra(I-x) suma(I-x) won(O)")
    assert changed(result) == (0, 1, 0)
    assert result.tags == ("B-x", "I-x", "O")


def test_substituted_words_get_o() -> None:
    result = run("bars in manattan now", "bars(O) in(O) manhattan(B-x) now(O)")
    assert result.tags == ("O", "O", "O", "O")
    assert changed(result) == (0, 0, 1)


def test_back_tokenization_finds_words_that_the_vocabulary_lacks() -> None:
    text = "charlotte(B-x) bront(I-x) waits(O)"
    assert run("charlotte brontë waits", text).tags == ("B-x", "O", "O")
    assert run("charlotte brontë waits", text, {"brontë": "bront"}).tags == ("B-x", "I-x", "O")


def test_nothing_generated_and_no_sentence() -> None:
    assert run("a b", "").tags == ("O", "O")
    assert run("", "a(B-x)").tags == ()


def test_an_entity_takes_the_type_of_its_last_word_as_published() -> None:
    assert run("a b c", "a(B-x) b(I-y) c(O)").tags == ("B-y", "I-y", "O")


@pytest.mark.parametrize(
    ("wanted", "written", "blocks", "counts"),
    [
        (3, 3, [(0, 0, 3)], (0, 0, 0)),
        (4, 3, [(0, 0, 1), (2, 2, 1)], (1, 0, 1)),
        (2, 5, [(1, 3, 1)], (0, 3, 1)),
        (0, 2, [], (0, 2, 0)),
    ],
)
def test_edits_by_hand(
    wanted: int, written: int, blocks: Sequence[tuple[int, int, int]], counts: tuple[int, int, int]
) -> None:
    assert edits(blocks, wanted, written) == counts


def test_ties_go_where_the_published_code_puts_them() -> None:
    source = "new york is not york".split()
    tags = align(source, ["new", "york", "isnt"], ["B-l", "I-l", "O"], back={}).tags
    assert tags == ["B-l", "O", "O", "O", "I-l"]


@pytest.mark.parametrize("back", [True, False])
def test_the_reported_scores_of_a_published_checkpoint_are_reached(
    shared: Path, published_scores: Callable[[MatchParams], dict[str, Any]], back: bool
) -> None:
    """700 real outputs of GNER-T5-base; reading, matching, metric and back tokenization at once."""
    file = shared / "predictions" / "gner-t5-base-dev700.reported.json"
    reported = json.loads(file.read_text())
    scores = published_scores(MatchParams(mode="paper", back_tokenization=back))["corpora"]
    assert len(scores) == 7
    exact = scores if back else ("mit-movie", "mit-restaurant", "crossner_science")
    for name in exact:
        assert scores[name]["f1"] == pytest.approx(reported[f"eval_{name}"], abs=5e-5), name
