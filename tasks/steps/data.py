"""The steps that prepare sentences: a corpus, and a sample of several."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from gner_core.config.corpus import CorpusParams, Split, TextFormat
from gner_core.config.sample import SampleParams
from gner_core.corpora.fetch.cache import CorpusCache
from gner_core.corpora.prepare import corpus_folder, split_files
from gner_core.errors import InputError
from gner_core.store.fingerprint import file_sha256
from tasks.paths import corpora_cache
from tasks.steps.step import Step, values

CACHE = "cache"
"""The `data_root` that stands for the folder of fetched corpora."""
NOT_FETCHED = "not fetched"
"""Stands in a provisional key for the hash of files that have no pin and are not here yet."""
NOT_IDENTITY = {
    *("files", "licence", "origin", "redistributable", "roles", "pins", "sources", "obtain"),
    *("table8", "deviations", "changed_at_most"),
}
"""What a catalog entry says about a corpus without changing what is read from its files."""
WORDS_VERSION = 2
"""Of the rule by which texts are split into words, and of the entities that brat files give."""
TAGS_VERSION = 2
"""Of the conversion of tags, where several published labels are one type."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Corpus(Step):
    """One corpus as BIO sentences. Its files are identified by content, not by name or folder."""

    kind = "corpus"
    version = 5

    name: str
    params: CorpusParams
    digests: Mapping[Split, list[str] | str]
    """Split → SHA-256 of each of its files, or NOT_FETCHED."""
    folder: Path
    """Where its files are; not in the key."""

    def identity(self) -> dict[str, Any]:
        """Return how the files are read, and their hashes."""
        form = self.params.format
        read = values(self.params, without=NOT_IDENTITY)
        if form.kind == "brat" or (isinstance(form, TextFormat) and form.tokens == "words"):
            read["words_version"] = WORDS_VERSION
        labels = self.params.labels
        if not isinstance(labels, str):  # a mapping has no order in a key, its types have
            read["types"] = list(dict.fromkeys(labels.values()))
            if len(read["types"]) < len(labels):
                read["tags_version"] = TAGS_VERSION
        return {**read, "name": self.name, "files": dict(self.digests)}

    @cached_property
    def unfetched(self) -> tuple[str, ...]:
        """Its own name while files without a pin are not here."""
        return (self.name,) if NOT_FETCHED in self.digests.values() else ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Sample(Step):
    """The sentences of a training stage or of a test."""

    kind = "sample"
    version = 2

    params: SampleParams
    corpora: Mapping[str, Corpus]
    """By name, those that the params name."""

    def identity(self) -> dict[str, Any]:
        """Return how the sentences are drawn."""
        return values(self.params)

    def inputs(self) -> dict[str, Step]:
        """Return the corpora by name."""
        return dict(self.corpora)


def plan_corpus(name: str, corpus: CorpusParams, data_root: str) -> Corpus:
    """Return the step that prepares a corpus.

    A pinned file in the cache has the pinned bytes, so the key is known before it is fetched.
    Without pins the step is `unfetched` and cannot run yet.

    Raises:
        InputError: for a file that is missing elsewhere, or not the one that is pinned.
    """
    folder = files_folder(name, corpus, data_root)
    digests: dict[Split, list[str] | str] = {
        split: _digests(corpus, folder, split=split, in_cache=data_root == CACHE)
        for split in corpus.files
    }
    return Corpus(title=name, name=name, params=corpus, digests=digests, folder=folder)


def plan_corpora(corpora: Mapping[str, CorpusParams], data_root: str) -> dict[str, Corpus]:
    """Return the steps that prepare several corpora, by name.

    Raises:
        InputError: as `plan_corpus`.
    """
    return {name: plan_corpus(name, corpus, data_root) for name, corpus in corpora.items()}


def plan_sample(title: str, params: SampleParams, corpora: Mapping[str, Corpus]) -> Sample:
    """Return the step that draws a sample from some of the corpora."""
    named = {name: corpora[name] for name in params.corpora}
    return Sample(title=title, params=params, corpora=named)


def files_folder(name: str, corpus: CorpusParams, data_root: str) -> Path:
    """Return the folder that holds the files of a corpus, or will hold them once fetched."""
    if data_root == CACHE:
        return CorpusCache(corpora_cache(), name, corpus).root
    return corpus_folder(data_root)


def file_digest(file: Path) -> str:
    """Return the SHA-256 of a file, which is read once for all points of a sweep."""
    stat = file.stat()
    return _digest(file.resolve(), stat.st_size, stat.st_mtime_ns)


@cache
def _digest(file: Path, _size: int, _changed: int) -> str:
    return file_sha256(file)


def _digests(
    corpus: CorpusParams, folder: Path, *, split: Split, in_cache: bool
) -> list[str] | str:
    paths = sorted(corpus.files[split])
    if in_cache and all(path in corpus.pins for path in paths):
        return [corpus.pins[path].sha256 for path in paths]
    if in_cache and not all((folder / path).exists() for path in paths):
        return NOT_FETCHED
    digests = []
    for file in split_files(corpus, folder, split=split):
        digest = file_digest(file)
        pin = corpus.pins.get(file.relative_to(folder).as_posix())
        if pin and pin.sha256 != digest:
            raise InputError(
                f"{file}: not the bytes that the catalog pins; get the file again, "
                "or take its pin out to use your own version"
            )
        digests.append(digest)
    return digests
