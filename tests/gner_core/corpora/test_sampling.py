import random

from gner_core.corpora.sampling import choose
from gner_core.records import Sentence

CORPUS = [Sentence(str(i), "c", (f"w{i % 90}",), ("O",), ("t",)) for i in range(100)]


def words(sentences: list[Sentence]) -> list[str]:
    return sorted(s.words[0] for s in sentences)


def test_a_small_corpus_is_taken_whole() -> None:
    assert choose(CORPUS, per_corpus=100, method="random", seed=1) == CORPUS


def test_first_takes_the_first() -> None:
    assert choose(CORPUS, per_corpus=3, method="first", seed=1) == CORPUS[:3]


def test_the_random_draw_depends_on_content_and_seed_only() -> None:
    mixed = random.Random(0).sample(CORPUS, len(CORPUS))
    one = choose(CORPUS, per_corpus=20, method="random", seed=1)
    assert len(one) == 20
    assert words(one) == words(choose(mixed, per_corpus=20, method="random", seed=1))
    assert words(one) != words(choose(CORPUS, per_corpus=20, method="random", seed=2))


def test_a_larger_draw_holds_the_smaller_one() -> None:
    small = choose(CORPUS, per_corpus=10, method="random", seed=1)
    large = choose(CORPUS, per_corpus=40, method="random", seed=1)
    assert set(small) <= set(large)
