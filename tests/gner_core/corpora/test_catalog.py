"""The catalog of the paper's corpora: complete, pinned, honest about what was seen."""

import csv
import gzip
import json
import re
from pathlib import Path

import pytest

from gner_core.artifact_files import STATISTICS
from gner_core.config.corpus import CorpusParams, HttpsSource, HubSource
from gner_core.config.reading.files import read_catalog, read_experiment
from gner_core.corpora.audit import audit_corpus
from gner_core.corpora.statistics import compare_with_table8
from gner_core.errors import InputError
from gner_core.records import read_sentences
from gner_core.store.artifacts import Store
from tasks.data import LoggedFetch
from tasks.standalone.corpora import fetched_corpus, prepared_corpus
from tasks.steps.data import plan_corpus

NAMES = {
    "Pile-NER": "pile-ner",
    "CrossNER_AI": "crossner-ai",
    "CrossNER_literature": "crossner-literature",
    "CrossNER_music": "crossner-music",
    "CrossNER_politics": "crossner-politics",
    "CrossNER_science": "crossner-science",
    "Broad Tweet Corpus": "broad-twitter",
    "CoNLL2003": "conll2003",
    "HarveyNER": "harvey-ner",
    "PolyglotNER": "polyglot-ner",
    "WikiANN en": "wikiann-en",
}
"""Names of Table 8 that are not just ours in another case."""

COUNTED = {
    "anatem": (5861, 2118, 3830, 1),
    "bc2gm": (12574, 2519, 5038, 1),
    "bc5cdr": (4560, 4581, 4797, 2),
    "broad-twitter": (6338, 1000, 2001, 3),
    "crossner-ai": (100, 350, 431, 13),
    "crossner-literature": (100, 400, 416, 11),
    "crossner-music": (100, 380, 465, 12),
    "crossner-politics": (200, 541, 651, 8),
    "crossner-science": (200, 450, 543, 16),
    "mit-movie": (9775 - 977, 977, 2443, 12),
    "mit-restaurant": (7660 - 766, 766, 1521, 8),
    "ncbi": (5424, 923, 940, 1),
    "pile-ner-sample": (2217, 0, 0, 368),
}
"""Sentences of train, valid, test, and types, of the files that were seen."""

SAMPLES = {
    "pile-ner-passages": (880, 383),  # 882 passages, of which two texts stand there twice
    "pile-ner-record": (1, 3),
    "bc5cdr-abstracts": (50, 2),
    "crossner-ai-questions": (50, 13),  # 650 questions about 50 sentences
}
"""Sentences, and types that are asked for or occur, of the samples in other formats."""

UNPINNED = {"conllpp"}
"""Entries whose source names a branch, since nobody here knows a commit; all are unverified."""

REPEATED_IN_TEST = {"crossner-music": 8, "crossner-science": 11, "crossner-ai": 1, "mit-movie": 1}


@pytest.fixture(scope="module")
def catalog(root: Path) -> dict[str, CorpusParams]:
    return read_catalog(root / "params" / "corpora" / "published")


def test_every_row_of_table_8_is_there(catalog: dict[str, CorpusParams], shared: Path) -> None:
    with (shared / "paper" / "paper_numbers.csv").open() as handle:
        rows = [row for row in csv.DictReader(handle) if row["table"] == "Table8"]
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        name = NAMES.get(row["dataset"], row["dataset"].lower())
        found.setdefault(name, {})[row["metric"].removeprefix("n_")] = int(row["value"])
    ours = {n: c.table8.model_dump() for n, c in catalog.items() if c.table8}
    assert ours == found
    assert len(ours) == 25


def test_roles_are_those_of_the_paper(catalog: dict[str, CorpusParams], root: Path) -> None:
    full = read_experiment(root / "params" / "paper" / "flan-t5-large.yaml", overrides=[])
    in_table = {name: corpus for name, corpus in catalog.items() if corpus.table8}
    by_role = {
        role: {name for name, corpus in in_table.items() if role in corpus.roles}
        for role in ("adaptation", "zero-shot", "supervised")
    }
    assert {role: len(names) for role, names in by_role.items()} == {
        "adaptation": 1,
        "zero-shot": 7,
        "supervised": 18,
    }
    assert set(full.stages["adaptation"].data.corpora) == by_role["adaptation"]
    assert set(full.tests["zero-shot"].data.corpora) == by_role["zero-shot"]
    assert set(full.stages["finetuning"].data.corpora) == by_role["supervised"]
    assert set(full.tests["supervised"].data.corpora) == by_role["supervised"]
    assert full.data_root == "cache"


def test_every_source_is_pinned_to_a_commit_or_by_hash(catalog: dict[str, CorpusParams]) -> None:
    for name, corpus in catalog.items():
        assert corpus.sources or corpus.obtain, name
        files = {file for files in corpus.files.values() for file in files}
        for source in corpus.sources:
            if isinstance(source, HubSource):
                assert re.fullmatch("[0-9a-f]{40}", source.revision), name
                assert set(source.paths) == files, name
            elif isinstance(source, HttpsSource):
                assert set(source.urls) == files, name
                fixed = all(re.search("/[0-9a-f]{7,40}/", url) for url in source.urls.values())
                assert fixed or files <= set(corpus.pins) or name in UNPINNED, name
            if source.verified:
                assert files <= set(corpus.pins), name


def test_only_what_was_seen_is_verified(catalog: dict[str, CorpusParams]) -> None:
    verified = {name for name, corpus in catalog.items() if corpus.verified}
    assert verified == {*COUNTED, "pile-ner-sample-short", "pile-ner-sample-cut"}
    assert not verified & UNPINNED
    assert not catalog["multinerd"].verified  # its pins come from pointers, not from bytes


def test_labels_are_spelled_out_and_misc_is_none(catalog: dict[str, CorpusParams]) -> None:
    for name, corpus in catalog.items():
        if corpus.labels == "open":
            continue
        assert not any("_" in label for label in corpus.labels.values()), name
        if name.startswith("crossner"):
            assert corpus.labels_to_o == ("misc",)
    assert isinstance(catalog["crossner-ai"].labels, dict)
    assert catalog["crossner-ai"].labels["programlang"] == "programming language"


def test_zero_shot_labels_are_those_of_the_authors(
    catalog: dict[str, CorpusParams], shared: Path
) -> None:
    asked: dict[str, set[str]] = {}
    outputs = shared / "predictions" / "gner-t5-base-dev700.jsonl.gz"
    for line in gzip.decompress(outputs.read_bytes()).splitlines():
        record = json.loads(line)
        name = record["dataset"].replace("_", "-")
        asked.setdefault(name, set()).update(record["label_list"])
    assert len(asked) == 7
    for name, labels in asked.items():
        ours = catalog[name].labels
        assert isinstance(ours, dict)
        assert set(ours.values()) == labels, name


def test_the_papers_choice_of_the_mit_valid_split_stays_selectable(root: Path) -> None:
    override = "corpora.mit-movie.made.valid={rule: same_as, of: test}"
    full = read_experiment(root / "params" / "paper" / "flan-t5-large.yaml", overrides=[override])
    assert full.corpora["mit-movie"].made["valid"].rule == "same_as"
    assert full.corpora["mit-restaurant"].made["valid"].rule == "taken_out"
    ours = read_experiment(root / "params" / "paper" / "flan-t5-large.yaml", overrides=[])
    keys = {plan_corpus("mit-movie", e.corpora["mit-movie"], "cache").ref for e in (full, ours)}
    assert len(keys) == 2


def test_what_cannot_be_fetched_says_how_to_get_it(
    catalog: dict[str, CorpusParams], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNER_HOME", str(tmp_path))
    with pytest.raises(
        InputError, match=r"ontonotes: 3 of 3 .* no source; licensed by .* then use --source"
    ):
        fetched_corpus(
            "ontonotes",
            catalog["ontonotes"],
            mirror=None,
            offline=False,
            report=LoggedFetch(),
        )


@pytest.fixture(scope="module")
def prepared(
    catalog: dict[str, CorpusParams], shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """All corpora at hand, fetched from a mirror folder into a fresh cache and prepared."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GNER_HOME", str(home))
        store = Store(str(home / "store"), scratch=home / "work")
        folders = {}
        for name in COUNTED:
            mirror = str(shared / "datasets")
            fetched_corpus(name, catalog[name], mirror=mirror, offline=True, report=LoggedFetch())
            folders[name] = prepared_corpus(name, catalog[name], data_root="cache", store=store)
        return folders


def test_all_corpora_at_hand_prepare_from_a_mirror_with_their_counts(
    catalog: dict[str, CorpusParams], prepared: dict[str, Path]
) -> None:
    for name, folder in prepared.items():
        statistics = json.loads((folder / STATISTICS).read_text())
        sizes = [
            statistics.get(s, {"sentences": 0})["sentences"] for s in ("train", "valid", "test")
        ]
        types = {t for counts in statistics.values() for t in counts["entities_by_type"]}
        assert (*sizes, len(types)) == COUNTED[name], name
        for row in compare_with_table8(name, catalog[name], statistics):
            assert not row.differs or row.reason, (name, row)
    sample = json.loads((prepared["pile-ner-sample"] / STATISTICS).read_text())["train"]
    assert sample["words"] == 461_127 - 4
    assert sample["entities"] == 30_822 + 156  # the I- without B- open entities of their own
    assert sample["repairs"] == {"I- without B- turned into B-": 156, "blank tokens dropped": 4}


def test_samples_in_other_formats_prepare_from_a_mirror_with_their_counts(
    root: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNER_HOME", str(tmp_path))
    store = Store(str(tmp_path / "store"), scratch=tmp_path / "work")
    samples = read_catalog(root / "params" / "corpora" / "samples.yaml")
    assert set(samples) == set(SAMPLES)
    for name, corpus in samples.items():
        mirror = str(shared / "datasets")
        fetched_corpus(name, corpus, mirror=mirror, offline=True, report=LoggedFetch())
        folder = prepared_corpus(name, corpus, data_root="cache", store=store)
        counts = json.loads((folder / STATISTICS).read_text())["train"]
        assert (counts["sentences"], counts["types"]) == SAMPLES[name]


def test_the_audit_finds_the_repeats_that_are_known(
    catalog: dict[str, CorpusParams], prepared: dict[str, Path]
) -> None:
    for name, folder in prepared.items():
        if "zero-shot" not in catalog[name].roles:
            continue
        splits = {s: read_sentences(folder / f"{s}.parquet") for s in catalog[name].splits}
        audit = audit_corpus(name, splits)
        repeated = {found.split: found.repeated for found in audit.duplicates}
        assert repeated["test"] == REPEATED_IN_TEST.get(name, 0), name
        if name.startswith("mit"):
            overlap = {(o.earlier, o.later): o.shared for o in audit.overlaps}
            assert overlap["train", "valid"] == 0


def test_a_key_is_the_same_from_a_folder_and_from_the_cache(
    catalog: dict[str, CorpusParams],
    prepared: dict[str, Path],
    shared: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GNER_HOME", "/nowhere")  # pins alone give the key
    for name, folder in prepared.items():
        from_cache = plan_corpus(name, catalog[name], "cache")
        from_folder = plan_corpus(name, catalog[name], str(shared / "datasets"))
        assert from_cache.ref == from_folder.ref
        assert from_cache.ref.key == folder.name
