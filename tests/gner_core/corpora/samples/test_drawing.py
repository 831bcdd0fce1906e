import random
from pathlib import Path

import pytest

from gner_core.corpora.samples.drawing import Sample, draw
from gner_core.records import ROW_GROUP, Sentence, write_sentences

CORPUS = [
    Sentence(str(i), "c", (f"w{i % 90}", "x"), ("O", "B-t" if i % 7 else "O"), ("t",))
    for i in range(100)
]

PINNED = ["35", "39", "42", "51", "54", "59"]


def sample(folder: Path, sentences: list[Sentence], **how: object) -> Sample:
    write_sentences(folder / "c.parquet", sentences)
    values = {"per_corpus": 20, "method": "random", "seed": 1, **how}
    return draw(folder / "c.parquet", **values)  # type: ignore[arg-type]


def texts(sample: Sample) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return sorted((s.words, s.tags) for s in sample.sentences)


def test_a_small_corpus_is_taken_whole_and_said_so(tmp_path: Path) -> None:
    assert sample(tmp_path, CORPUS, per_corpus=100) == Sample(CORPUS, 100, "all")
    assert sample(tmp_path, CORPUS, per_corpus=500, method="first") == Sample(CORPUS, 100, "all")


def test_first_takes_the_first(tmp_path: Path) -> None:
    assert sample(tmp_path, CORPUS, per_corpus=3, method="first") == Sample(
        CORPUS[:3], 100, "first"
    )


def test_the_random_draw_depends_on_content_and_seed_only(tmp_path: Path) -> None:
    mixed = random.Random(0).sample(CORPUS, len(CORPUS))
    one = sample(tmp_path, CORPUS)
    assert len(one.sentences) == 20
    assert (one.of, one.method) == (100, "random")
    assert texts(one) == texts(sample(tmp_path, mixed))
    assert texts(one) != texts(sample(tmp_path, CORPUS, seed=2))
    positions = [CORPUS.index(sentence) for sentence in one.sentences]
    assert positions == sorted(positions)


def test_the_draw_is_the_same_on_every_machine(tmp_path: Path) -> None:
    drawn = sample(tmp_path, CORPUS, per_corpus=6, seed=42)
    assert [s.id for s in drawn.sentences] == PINNED


def test_a_larger_draw_holds_the_smaller_one(tmp_path: Path) -> None:
    small = sample(tmp_path, CORPUS, per_corpus=10)
    large = sample(tmp_path, CORPUS, per_corpus=40)
    assert {s.id for s in small.sentences} <= {s.id for s in large.sentences}


def test_copies_of_a_sentence_are_drawn_one_by_one(tmp_path: Path) -> None:
    copies = [Sentence(str(i), "c", (f"w{i % 10}",), ("O",), ("t",)) for i in range(1000)]
    drawn = sample(tmp_path, copies, per_corpus=100)
    counts = [sum(s.words == (f"w{n}",) for s in drawn.sentences) for n in range(10)]
    assert 3 <= min(counts) <= max(counts) <= 20


def test_word_order_and_word_borders_count(tmp_path: Path) -> None:
    rows = [("a", "b"), ("b", "a"), ("ab",), ("a", "b", "a"), ("a b",)] * 40
    sentences = [Sentence(str(i), "c", w, ("O",) * len(w), ("t",)) for i, w in enumerate(rows)]
    mixed = random.Random(0).sample(sentences, len(sentences))
    assert texts(sample(tmp_path, sentences)) == texts(sample(tmp_path, mixed))


@pytest.mark.parametrize("number", [ROW_GROUP - 1, ROW_GROUP, ROW_GROUP + 1, 40_000])
def test_corpora_of_several_batches(tmp_path: Path, number: int) -> None:
    many = [Sentence(str(i), "c", (str(i),), ("O",), ("t",)) for i in range(number)]
    drawn = sample(tmp_path, many, per_corpus=50)
    assert [s.words[0] for s in drawn.sentences] == [s.id for s in drawn.sentences]
    assert len({s.id for s in drawn.sentences}) == 50
    assert max(int(s.id) for s in drawn.sentences) > number // 2
