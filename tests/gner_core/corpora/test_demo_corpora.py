"""The packaged corpora keep what the README says of them."""

from collections import Counter
from pathlib import Path

import pytest

from gner_core.config.reading.files import read_experiment
from gner_core.corpora.prepare import corpus_folder, stream_split
from gner_core.records import Sentence, spans_of

Demo = dict[tuple[str, str], list[Sentence]]


@pytest.fixture(scope="module")
def demo(root: Path) -> Demo:
    experiment = read_experiment(root / "params" / "demo.yaml", overrides=[])
    return {
        (name, split): list(
            stream_split(
                name, corpus, split=split, folder=corpus_folder("package"), repairs=Counter()
            )
        )
        for name, corpus in experiment.corpora.items()
        for split in corpus.files
    }


def test_size_and_variety(demo: Demo) -> None:
    sentences = [s for part in demo.values() for s in part]
    assert len(sentences) >= 900
    assert len({name for name, _ in demo}) >= 6
    assert len({label for s in sentences for label in s.types}) >= 40
    entities = Counter(
        " ".join(s.words[x.start : x.end]) for s in sentences for x in spans_of(s.tags)
    )
    assert len(entities) > 1000
    openings = Counter(s.words[:3] for s in sentences)
    assert openings.most_common(1)[0][1] <= 5


def test_no_sentence_stands_in_two_places(demo: Demo) -> None:
    texts = Counter(" ".join(s.words).lower() for part in demo.values() for s in part)
    assert [text for text, n in texts.items() if n > 1] == []


def test_every_type_of_a_corpus_occurs(demo: Demo) -> None:
    for name in {name for name, _ in demo}:
        parts = [s for (corpus, _), part in demo.items() if corpus == name for s in part]
        used = {x.label for s in parts for x in spans_of(s.tags)}
        assert used == set(parts[0].types), name


def test_zero_shot_types_are_unseen_in_adaptation(demo: Demo, root: Path) -> None:
    experiment = read_experiment(root / "params" / "demo.yaml", overrides=[])
    seen = {
        t
        for name in experiment.stages["adaptation"].data.corpora
        for t in demo[name, "train"][0].types
    }
    unseen = {
        t
        for name in experiment.tests["zero-shot"].data.corpora
        for t in demo[name, "test"][0].types
    }
    assert not seen & unseen
