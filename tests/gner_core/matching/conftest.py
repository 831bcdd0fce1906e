"""Scores of the outputs of a published checkpoint, computed once for each way of matching."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gner_core.config.reading.files import read_scoring
from gner_core.config.systems.gner import MatchParams
from gner_core.scoring.files import FileScoring, score_file
from gner_core.systems.gner.targets import BIO


@pytest.fixture(scope="session")
def published_scores(shared: Path) -> Callable[[MatchParams], dict[str, Any]]:
    """Matching → scores of 700 outputs of GNER-T5-base in the paper's metric."""

    @cache
    def scores(match: MatchParams) -> dict[str, Any]:
        setup = FileScoring(
            match=match,
            form=BIO,
            tokenizer=shared / "tokenizers" / "t5" if match.back_tokenization else None,
            metrics=("pair",),
            without=frozenset(),
            errors=False,
            scoring=read_scoring(None),
        )
        file = shared / "predictions" / "gner-t5-base-dev700.jsonl.gz"
        found = score_file(file, setup, workers=1, report=lambda _: None)
        return found.tallies["pair"].scores(without=())

    return scores
