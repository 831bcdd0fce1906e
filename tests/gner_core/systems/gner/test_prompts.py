import json
import time
from itertools import accumulate
from pathlib import Path

from gner_core.records import Sentence
from gner_core.systems.gner.prompts import TypePool, prompt, shuffled
from gner_core.systems.gner.targets import BIO, LEAN, longest_target, target


def test_prompts_and_targets_equal_the_published_ones(shared: Path) -> None:
    lines = (shared / "predictions" / "authors-zero-shot-prompts-100.jsonl").read_text()
    records = [json.loads(line) for line in lines.splitlines()]
    assert len(records) == 100
    for record in records:
        instance = record["instance"]
        words = instance["words"]
        assert prompt(words, record["label_list"], BIO) == instance["instruction_inputs"]
        assert target(words, instance["labels"], BIO) == instance["prompt_labels"]


def test_the_prompt_in_full() -> None:
    expected = (
        "Please analyze the sentence provided, identifying the type of entity for each word on a "
        "token-by-token basis.\n"
        "Output format is: word_1(label_1), word_2(label_2), ...\n"
        "We'll use the BIO-format to label the entities, where:\n"
        "1. B- (Begin) indicates the start of a named entity.\n"
        "2. I- (Inside) is used for words within a named entity but are not the first word.\n"
        "3. O (Outside) denotes words that are not part of a named entity.\n\n"
        "Use the specific entity tags: person, location and O.\n"
        "Sentence: Ada waves ."
    )
    assert prompt(("Ada", "waves", "."), ("person", "location"), BIO) == expected


def test_the_lean_prompt_in_full() -> None:
    expected = (
        "Copy the sentence and label the words of each entity: (B-type) after its first word, "
        "(I-type) after its others. Words without a label are outside of entities.\n\n"
        "Use the specific entity tags: person, location.\n"
        "Sentence: Ada waves ."
    )
    assert prompt(("Ada", "waves", "."), ("person", "location"), LEAN) == expected
    assert "entity tags: none." in prompt(("Ada",), (), LEAN)


def test_the_order_of_types_depends_on_seed_epoch_and_sentence() -> None:
    types = tuple("abcdefgh")
    first = shuffled(types, seed=1, epoch=0, sentence_id="x/0")
    assert sorted(first) == list(types)
    assert first == shuffled(types, seed=1, epoch=0, sentence_id="x/0")
    others = {
        shuffled(types, seed=2, epoch=0, sentence_id="x/0"),
        shuffled(types, seed=1, epoch=1, sentence_id="x/0"),
        shuffled(types, seed=1, epoch=0, sentence_id="x/1"),
    }
    assert first not in others


def test_external_types_are_absent_frequent_and_counted_by_rate() -> None:
    sentences = [Sentence(str(i), "c", ("w",), ("B-often",), ("often",)) for i in range(97)]
    sentences += [Sentence(t, "c", ("w",), (f"B-{t}",), (t,)) for t in ("rare", "seldom", "odd")]
    pool = TypePool.of(sentences)
    draws = [
        pool.external(("rare", "odd"), rate=0.5, seed=1, epoch=0, sentence_id=str(i))
        for i in range(200)
    ]
    assert all(len(draw) == 1 for draw in draws)
    assert all("rare" not in draw and "odd" not in draw for draw in draws)
    assert sum(draw == ("often",) for draw in draws) > 180


def test_rare_types_are_drawn_without_long_search() -> None:
    counts = {"a": 9_000, "b": 9_000, "c": 9_000, "rare": 1}
    names = tuple(counts)
    pool = TypePool(names, tuple(accumulate(counts.values())))
    begun = time.monotonic()
    for number in range(100):
        drawn = pool.external(("a", "b", "c"), rate=1.0, seed=1, epoch=0, sentence_id=str(number))
        assert drawn == ("rare",)
    assert time.monotonic() - begun < 1.0


def test_a_sentence_without_entities_gets_a_type_and_a_small_pool_is_enough() -> None:
    pool = TypePool.of([Sentence("0", "c", ("w",), ("B-a",), ("a",))])
    assert pool.external((), rate=2.0, seed=1, epoch=0, sentence_id="0") == ("a",)
    assert pool.external(("a",), rate=5.0, seed=1, epoch=0, sentence_id="0") == ()


def test_the_longest_target_bounds_every_target() -> None:
    words, types = ("Ada", "waves"), ("person", "place of worship")
    bound = len(longest_target(words, types, BIO))
    assert bound >= len(target(words, ("B-place of worship", "I-place of worship"), BIO))
