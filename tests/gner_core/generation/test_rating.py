"""Orders, offsets and temperature of guided decoding against a plain reading of their rules."""

import math
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from pydantic import ValidationError

from gner_core.config.systems.any import DecodeParams, RatingParams
from gner_core.config.systems.gner import GnerSystem
from gner_core.generation.guided.costs import NOMINAL
from gner_core.generation.guided.decoding import GuidedGenerator, GuidedQuery
from gner_core.generation.guided.offsets import CONTENT_FREE
from gner_core.generation.tagging import TaggingJob
from gner_core.generation.worker import work
from gner_core.records import Sentence, read_predictions
from gner_core.systems.gner.prompts import other_orders
from gner_core.systems.gner.targets import BIO
from tests.gner_core.conftest import TinyModel
from tests.gner_core.generation.test_generation import asked, silent
from tests.gner_core.generation.test_guided import TYPES, Plain, generator, loaded

WORDS = ("Łódź", "(B-12)", "Ada")


def rated(tiny: TinyModel, *, beams: int = 1, **rating: Any) -> GuidedGenerator:
    """A generator that rates labels in another way; two types share their first tokens."""
    return GuidedGenerator(*loaded(tiny), beams=beams, costs=NOMINAL, rating=RatingParams(**rating))


class PlainOrders(Plain):
    """The mean of what is said of each order, every option by a forward pass of its own."""

    def __init__(self, tiny: TinyModel, ask: GuidedQuery) -> None:
        super().__init__(tiny, ask)
        self.plain = [Plain(tiny, GuidedQuery(ask.words, types)) for types in ask.orders]
        for one in self.plain:  # a prompt may name others; the options are those of the query
            one.ask = ask
        self.known: dict[tuple[str, ...], dict[str, float]] = {}

    def logs(self, tags: Sequence[str]) -> dict[str, float]:
        key = tuple(tags)
        if key not in self.known:
            each = [one.logs(tags) for one in self.plain]
            self.known[key] = {
                tag: math.log(fmean(math.exp(one[tag]) for one in each)) for tag in each[0]
            }
        return self.known[key]

    def best_words(self, offsets: Mapping[str, float]) -> list[str]:
        """Decide word by word for the label with the highest sum of log probability and offset."""
        tags: list[str] = []
        for _ in self.ask.words:
            logs = self.logs(tags)
            tags.append(max(logs, key=lambda tag: logs[tag] + offsets.get(tag, 0.0)))
        return tags


def test_probabilities_are_the_mean_over_orders(tiny_model: TinyModel) -> None:
    queries = [
        GuidedQuery(WORDS, TYPES, other_orders(TYPES, count=2, seed=1)),
        GuidedQuery(
            ("It", "Seven", "Danube", "."), TYPES, (TYPES[:1], TYPES[1:])
        ),  # longer, shorter
        GuidedQuery(("Ada",), ("person",)),  # there is one order
    ]
    for ask, answer in zip(queries, rated(tiny_model)(queries), strict=True):
        plain = PlainOrders(tiny_model, ask)
        for n, (tag, probability) in enumerate(zip(answer.tags, answer.probabilities, strict=True)):
            assert math.log(probability) == pytest.approx(
                plain.logs(answer.tags[:n])[tag], abs=1e-4
            )


def test_beams_search_over_the_averages(tiny_model: TinyModel) -> None:
    ask = GuidedQuery(WORDS[:2], TYPES, other_orders(TYPES, count=3, seed=1))
    every = PlainOrders(tiny_model, ask).every()
    (answer,) = rated(tiny_model, beams=13)([ask])
    assert answer.tags == max(every, key=every.__getitem__)
    assert sum(map(math.log, answer.probabilities)) == pytest.approx(every[answer.tags], abs=1e-4)


@pytest.mark.parametrize("beams", [1, 2])
def test_with_all_orders_the_answer_does_not_depend_on_the_given_one(
    tiny_model: TinyModel, news: list[Sentence], beams: int
) -> None:
    words = news[0].words[:7]
    asks = [
        GuidedQuery(words, types, other_orders(types, count=5, seed=1))
        for types in permutations(TYPES)
    ]
    assert all({*ask.orders} == {*permutations(TYPES)} for ask in asks)
    first, *others = rated(tiny_model, beams=beams)(asks)
    for other in others:
        assert other.tags == first.tags
        assert other.probabilities == pytest.approx(first.probabilities, abs=1e-5)


def test_further_orders_depend_on_the_types_and_the_seed_alone() -> None:
    types = ("a", "b", "c", "d")
    assert other_orders(types, count=0, seed=1) == ()
    found = other_orders(types, count=6, seed=1)
    assert len({types, *found}) == 7
    assert other_orders(types[::-1], count=6, seed=1)[:3] == found[:3]
    assert other_orders(types, count=6, seed=2) != found
    assert len(other_orders(types, count=30, seed=1)) == 23
    assert other_orders(["a"], count=3, seed=1) == ()


def test_a_higher_penalty_leaves_fewer_words_outside(
    tiny_model: TinyModel, news: list[Sentence]
) -> None:
    queries = [GuidedQuery(s.words[:12], s.types) for s in news[:4]]
    outside, guided = [], rated(tiny_model)
    for penalty in (-60.0, -1.0, 0.0, 1.0, 60.0):
        guided.rate_by(RatingParams(outside_penalty=penalty))
        outside.append(sum(tag == "O" for answer in guided(queries) for tag in answer.tags))
    assert outside == sorted(outside, reverse=True)
    assert outside[0] == sum(len(ask.words) for ask in queries)
    assert outside[-1] == 0


def test_offsets_are_exact_where_types_share_tokens(tiny_model: TinyModel) -> None:
    others = other_orders(TYPES, count=1, seed=1)
    queries = [
        GuidedQuery(words, TYPES, others)
        for words in (("It", "Danube"), ("Ada", "in", "Rome", "(O)"))
    ]
    neutral = [PlainOrders(tiny_model, GuidedQuery((w,), TYPES, others)) for w in CONTENT_FREE]
    said = [one.logs(()) for one in neutral]
    prior = {name: fmean(one[f"B-{name}"] for one in said) for name in TYPES}
    offsets = {f"B-{name}": fmean(prior.values()) - prior[name] for name in TYPES}
    assert max(offsets.values()) > 0.05
    plain = [PlainOrders(tiny_model, ask) for ask in queries]
    decided, guided = set(), rated(tiny_model)
    for penalty in (-1.0, 0.0, 0.5, 1.5):
        guided.rate_by(RatingParams(outside_penalty=penalty, calibrate_types="content_free"))
        for one, answer in zip(plain, guided(queries), strict=True):
            decided.add(answer.tags)
            assert list(answer.tags) == one.best_words({"O": -penalty, **offsets})
            for n, probability in enumerate(answer.probabilities):  # the model's own
                log = one.logs(answer.tags[:n])[answer.tags[n]]
                assert math.log(probability) == pytest.approx(log, abs=1e-4)
    assert len(decided) > len(queries)  # offsets mattered


@pytest.mark.parametrize("beams", [1, 3])
def test_a_temperature_changes_confidences_alone(tiny_model: TinyModel, beams: int) -> None:
    ask = GuidedQuery(WORDS, TYPES)
    (plain,), (calm,) = (
        rated(tiny_model, beams=beams, temperature=value)([ask]) for value in (1.0, 2.5)
    )
    assert calm.tags == plain.tags
    assert calm.probabilities != plain.probabilities
    reading = Plain(tiny_model, ask)
    reading.temperature = 2.5
    for n, (tag, probability) in enumerate(zip(calm.tags, calm.probabilities, strict=True)):
        log = reading.logs(calm.tags[:n])[tag]
        assert math.log(probability) == pytest.approx(log, abs=1e-4)


def test_neutral_values_change_nothing_to_the_last_bit(
    tiny_model: TinyModel, news: list[Sentence]
) -> None:
    queries = [GuidedQuery(s.words, s.types) for s in news[:5]]
    assert rated(tiny_model)(queries) == generator(tiny_model)(queries)
    plain = {"mode": "guided", "beams": 1, "too_long": "skip", "seed": 1}
    assert DecodeParams.model_validate(plain).model_dump() == plain


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"orders": 0}, "greater than or equal to 1"),
        ({"orders": 33}, "less than or equal to 32"),
        ({"temperature": 0}, "greater than 0"),
        ({"mode": "free", "orders": 2, "temperature": 2}, "orders, temperature: only for mode"),
    ],
)
def test_values_without_a_meaning_are_refused(given: dict[str, Any], said: str) -> None:
    plain = {"mode": "guided", "beams": 1, "too_long": "skip", "seed": 1}
    with pytest.raises(ValidationError, match=said):
        DecodeParams.model_validate({**plain, **given})


def test_a_batch_counts_prompts_and_an_experiment_decodes_as_the_generator(
    tiny_llama: TinyModel, news: list[Sentence], tmp_path: Path
) -> None:
    request = asked(tiny_llama, news[:6], tmp_path, batch=7, mode="guided")
    rating = {"orders": 3, "outside_penalty": 0.5, "temperature": 2.0}
    request = request.model_copy(
        update={"decode": DecodeParams.model_validate({**request.decode.model_dump(), **rating})}
    )
    job = TaggingJob(request, GnerSystem.writing(BIO))
    assert sorted(map(len, job.parts)) == [2, 2, 2]
    summary = work(request, silent)["summary"]
    assert summary["calls"] == 18
    written = read_predictions(tmp_path / "out" / "predictions.parquet")
    model, encoder = job.model, job.encoder
    guided = GuidedGenerator(
        model, encoder, beams=1, costs=NOMINAL, rating=RatingParams.model_validate(rating)
    )
    for sentence, types, one in zip(news, job.types, written, strict=False):
        ask = GuidedQuery(sentence.words, types, other_orders(types, count=2, seed=1))
        (answer,) = guided([ask])
        assert one.decided == answer.tags
        assert one.probabilities == pytest.approx(answer.probabilities, rel=1e-3)
