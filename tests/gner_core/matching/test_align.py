import gzip
import json
from collections import defaultdict
from pathlib import Path

import pytest

from gner_core.matching.align import Alignment, align
from gner_core.schemas.reading import read_tagged
from gner_core.scoring.counts import Counts
from gner_core.scoring.pairs import pair_counts


def run(source: str, generated: str, back: dict[str, str] | None = None) -> Alignment:
    read = read_tagged(generated, ("x", "y"))
    return align(source.split(), read.words, read.tags, back=back or {})


def test_an_exact_copy_in_any_case() -> None:
    assert run("Ada Waves", "ada(B-x) WAVES(O)") == Alignment(("B-x", "O"), 0, 0, 0)


def test_omitted_words_get_o() -> None:
    result = run("who directed the film the lorax", "who(O) directed(O) the(B-x) lorax(I-x)")
    assert result == Alignment(("O", "O", "B-x", "O", "O", "I-x"), 2, 0, 0)


def test_added_words_are_dropped() -> None:
    result = run("navarra suma won", "navarra(B-x) navarra(I-x) suma(I-x) won(O)")
    assert (result.omitted, result.added, result.substituted) == (0, 1, 0)
    assert result.tags[1:] == ("I-x", "O")


def test_substituted_words_get_o() -> None:
    result = run("bars in manattan now", "bars(O) in(O) manhattan(B-x) now(O)")
    assert result == Alignment(("O", "O", "O", "O"), 0, 0, 1)


def test_back_tokenization_finds_words_that_the_vocabulary_lacks() -> None:
    text = "charlotte(B-x) bront(I-x) waits(O)"
    assert run("charlotte brontë waits", text).tags == ("B-x", "O", "O")
    assert run("charlotte brontë waits", text, {"brontë": "bront"}).tags == ("B-x", "I-x", "O")


def test_nothing_generated() -> None:
    assert run("a b", "") == Alignment(("O", "O"), 2, 0, 0)
    assert align([], [], [], back={}) == Alignment((), 0, 0, 0)


def test_the_reported_scores_of_a_published_checkpoint_are_reached_exactly(shared: Path) -> None:
    """700 real outputs of GNER-T5-base; reading, matching, metric and back tokenization at once."""
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(shared / "tokenizers" / "t5")
    folder = shared / "predictions"
    with gzip.open(folder / "gner-t5-base-dev700.jsonl.gz", "rt") as handle:
        records = [json.loads(line) for line in handle]
    vocabulary = sorted({word.lower() for r in records for word in r["instance"]["words"]})
    ids = tokenizer(vocabulary, add_special_tokens=False)["input_ids"]
    given = tokenizer.batch_decode(ids, skip_special_tokens=True)
    back = dict(zip(vocabulary, given, strict=True))
    counts: dict[str, Counts] = defaultdict(Counts)
    for record in records:
        words, gold = record["instance"]["words"], record["instance"]["labels"]
        read = read_tagged(record["prediction"], record["label_list"])
        tags = align(words, read.words, read.tags, back=back).tags
        counts[record["dataset"]] += pair_counts(words, gold, tags)
    reported = json.loads((folder / "gner-t5-base-dev700.reported.json").read_text())
    assert len(counts) == 7
    for name, count in counts.items():
        assert count.f1 == pytest.approx(reported[f"eval_{name}"], abs=5e-5), name
