"""The temperature of confidences is that with which labels were drawn."""

import math
import random
from statistics import fmean

import pytest

from gner_core.scoring.analysis.temperature import Decided, LabelLoss, fitted_temperature


def softmax(logits: list[float], temperature: float) -> list[float]:
    shares = [math.exp(value / temperature) for value in logits]
    return [share / sum(shares) for share in shares]


def drawn(words: int, temperature: float) -> list[list[Decided]]:
    """Words of one or two decisions, whose outcomes have the probabilities at a temperature."""
    draw, found = random.Random(1), []
    for _ in range(words):
        word = []
        for _ in range(draw.choice([1, 2])):
            logits = [draw.gauss(0, 3) for _ in range(draw.choice([2, 5]))]
            (right,) = draw.choices(range(len(logits)), softmax(logits, temperature))
            word.append(Decided([logits], right))
        found.append(word)
    return found


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_fit_finds_the_temperature_of_the_labels(temperature: float) -> None:
    words = drawn(4000, temperature)
    found = fitted_temperature(words)
    assert found == pytest.approx(temperature, rel=0.07)
    loss = LabelLoss(words)
    assert loss(found) <= min(loss(found * 0.99), loss(found * 1.01), loss(1.0))


def test_the_loss_is_that_of_the_mean_over_orders() -> None:
    draw = random.Random(1)
    words = [
        [Decided([[draw.gauss(0, 1) for _ in range(3)] for _ in range(orders)], draw.randrange(3))]
        * decisions
        for orders, decisions in [(1, 1), (2, 1), (2, 2), (3, 2)]
    ]
    plain = []
    for word in words:
        by_order = [
            math.prod(softmax(list(one.logits[order]), 1.7)[one.right] for one in word)
            for order in range(len(word[0].logits))
        ]
        plain.append(-math.log(fmean(by_order)))
    assert LabelLoss(words)(1.7) == pytest.approx(fmean(plain))


def test_labels_that_are_never_wrong_get_the_lowest_temperature() -> None:
    assert fitted_temperature([[Decided([[1.0, 0.0]], 0)]]) == 0.05
    assert fitted_temperature([[Decided([[1.0, 0.0]], 1)]]) == 20
