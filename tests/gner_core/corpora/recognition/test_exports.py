"""Exports of annotation tools are recognised, and entities are read exactly as they were marked."""

from collections import Counter
from pathlib import Path

import pytest

from gner_core.config.corpus import Split
from gner_core.corpora.recognition.draft import Draft, draft_corpus
from gner_core.corpora.recognition.files import corpus_files
from gner_core.corpora.splits import stream_any_split
from gner_core.records import spans_of
from tests.gner_core.corpora.recognition.exports import DATASETS, EXPORTS, Marked


def put(folder: Path, name: str) -> Marked:
    """Write an export into a folder; return what was marked."""
    folder.mkdir()
    if name in DATASETS:
        return DATASETS[name](folder)
    files, marked = EXPORTS[name]()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return marked


def entities_read(draft: Draft) -> list[tuple[str, str]]:
    """The texts (without blanks) and labels of the entities in all files of a corpus."""
    found = draft.found
    labels = {name: label for label, name in dict(found.params.labels).items()}
    whole = found.params.model_copy(update={"made": {}})
    splits: tuple[Split, ...] = tuple(found.params.files)
    return [
        ("".join(sentence.words[span.start : span.end]), labels[span.label])
        for split in splits
        for sentence in stream_any_split(
            "own", whole, split=split, folder=found.folder, repairs=Counter()
        )
        for span in spans_of(sentence.tags)
    ]


@pytest.mark.parametrize("name", [*EXPORTS, *DATASETS])
def test_entities_are_those_that_were_marked(tmp_path: Path, name: str) -> None:
    marked = put(tmp_path / "own", name)
    folder, files, _ = corpus_files([tmp_path / "own"])
    draft = draft_corpus(folder, files, name="own", seed=1, changed_at_most=0.0)
    expected = [("".join(text.split()), label) for one in marked for text, label in one]
    assert Counter(entities_read(draft)) == Counter(expected)
    assert sum(len(part.ranks) for part in draft.found.splits.values()) == len(marked)
    assert set(draft.sentences) == {"train", "valid", "test"}
