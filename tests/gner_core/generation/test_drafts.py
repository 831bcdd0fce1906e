"""Drafts: how many are fed follows from what passes cost, and never changes an answer."""

import pytest
import torch

from gner_core.backbones.load import load_tokenizer
from gner_core.config.systems.gner import TargetForm
from gner_core.generation.guided.choices import ChoiceTable
from gner_core.generation.guided.costs import WIDTHS, PassCosts, pass_costs
from gner_core.generation.guided.drafts import Record, plan_pass
from gner_core.generation.guided.progress import SentenceProgress
from gner_core.records import Sentence
from gner_core.systems.gner.targets import BIO
from tests.gner_core.conftest import TinyModel
from tests.gner_core.generation.test_guided import both_forms, generator, queries_of

EVEN = PassCosts((1, 2), (1.0, 2.0))
"""Every token costs the same: nothing is won by guessing."""
FLAT = PassCosts((1, 2), (1.0, 1.0))
"""A pass costs the same whatever its width: all there is should be fed."""


def sentence(model: TinyModel, words: tuple[str, ...]) -> SentenceProgress:
    choices = ChoiceTable(load_tokenizer(model.folder), BIO).of(words, ("person", "place"))
    node = choices.root(0, before="O")
    return SentenceProgress(choices, 0, [*node.forced], 0, node)


def test_drafts_are_fed_where_they_make_useful_tokens_cheaper(tiny_llama: TinyModel) -> None:
    one = sentence(tiny_llama, ("Ada", "wrote", "to", "Charles", "."))
    (none,) = plan_pass([one], Record(), EVEN)
    (every,) = plan_pass([one], Record(), FLAT)
    assert len(none.decisions) == 1
    assert every.word == 4  # nothing follows the last word
    assert every.tokens[: len(none.tokens)] == none.tokens
    (some,) = plan_pass([one], Record(), PassCosts((1, 11), (1.0, 2.0)))
    assert len(none.tokens) < len(some.tokens)


def test_guesses_that_fail_are_made_less_often(tiny_llama: TinyModel) -> None:
    one = sentence(tiny_llama, ("Ada", "wrote", "to", "Charles", "."))
    costs, record = PassCosts((1, 11), (1.0, 2.0)), Record()
    (before,) = plan_pass([one], record, costs)
    for _ in range(40):
        record.note("outside", right=False)
    (after,) = plan_pass([one], record, costs)
    assert len(after.decisions) == 1 < len(before.decisions)


@both_forms
def test_answers_do_not_depend_on_drafts(
    tiny_model: TinyModel, news: list[Sentence], form: TargetForm
) -> None:
    guided, queries = generator(tiny_model, form), queries_of(news)
    answers = []
    for costs in (EVEN, FLAT):
        guided.costs = costs
        answers.append(guided(queries))
    for one, other in zip(*answers, strict=True):
        assert one.tags == other.tags
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-4)


def test_costs_of_passes_are_measured_once_and_grow(
    tiny_model: TinyModel, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = generator(tiny_model).model
    costs = pass_costs(model)
    assert [costs(width) for width in WIDTHS] == sorted(costs.costs)
    assert 0 < costs(1) <= costs(2000)
    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.Linear, "forward", None)  # not needed again
        assert pass_costs(model) == costs
