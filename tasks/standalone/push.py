"""A checkpoint as a repository of the Hugging Face hub: its files, and a card with the known scores."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from gner_core.artifact_files import SCORES, SUMMARY
from gner_core.config.backbone import FolderSource
from gner_core.config.checkpoint import DESCRIPTION, description_of
from gner_core.config.reading.models import foreign_model
from gner_core.errors import InputError
from gner_core.hub import MODEL_FILES, upload
from gner_core.reports.card.facts import CARD
from gner_core.reports.card.text import CardScore, write_card
from gner_core.runtime.files import read_json
from gner_core.store.artifacts import MANIFEST, ArtifactRef, Store
from tasks.checkpoints.card import facts_in
from tasks.checkpoints.identity import Checkpoint, named
from tasks.paths import open_store

KEPT_HERE = (MANIFEST, SUMMARY)
"""Files of a step that are about its run and no part of the model."""


@dataclass(frozen=True)
class Publication:
    """What a checkpoint is published as."""

    folder: Path
    files: tuple[str, ...]
    """Names in the folder, without the card."""
    card: str
    notes: tuple[str, ...]
    """What somebody should know before it is published, a line each."""


def prepare_push(name: str, repo: str, *, licence: str) -> Publication:
    """Return what is published of a checkpoint; nothing is sent.

    Args:
        name: any name of a checkpoint of gner.
        repo: the repository, OWNER/NAME.
        licence: an identifier of the hub.

    Raises:
        InputError: when there is no such checkpoint, or gner did not train it.
    """
    if foreign_model(name) is not None:
        raise InputError(f"{name}: gner did not train it; upload it with the hub's own command: hf")
    store = open_store()
    checkpoint = named(name, store)
    where = checkpoint.step.stored_at
    folder = store.folder(where)
    about = description_of(folder)
    scores = sorted(
        known_scores(checkpoint, store), key=lambda one: (one.test, one.corpus, one.decoding)
    )
    facts = facts_in(folder)
    title = repo.rpartition("/")[2]
    card = write_card(about, facts, title=title, where=repo, licence=licence, scores=scores)
    notes = []
    if facts.stages is None:
        notes.append("its training data is not known, so the card names none")
    if not scores:
        notes.append("no scores of it are in the store; test it first, and the card has them")
    if isinstance(about.backbone.source, FolderSource):
        notes.append(f"{DESCRIPTION} names the local folder {about.backbone.source.path}")
    return Publication(folder, tuple(_files(folder)), card, tuple(notes))


def push(publication: Publication, repo: str, *, public: bool) -> tuple[str, list[str]]:
    """Upload a checkpoint; return the address of the commit, and old weights that it deleted.

    Raises:
        InputError: without a token, and when the hub refuses.
    """
    files: dict[str, Path | bytes] = {name: publication.folder / name for name in publication.files}
    files[CARD] = publication.card.encode()
    return upload(repo, files, public=public, message="Upload a checkpoint of gner")


def known_scores(checkpoint: Checkpoint, store: Store) -> Iterator[CardScore]:
    """Yield the scores of a checkpoint that the store has, by test and corpus."""
    models = {checkpoint.step.ref.path}
    if checkpoint.trained_by:
        models.add(checkpoint.trained_by.path)
    for ref in store.published("score"):
        score = store.manifest(ref)
        made_by = score["inputs"]["predictions"]
        predictions = ArtifactRef.at(made_by)
        if predictions.step != "generate" or not store.has(predictions):
            continue
        generate = store.manifest(predictions)
        if generate["inputs"]["model"] in models:
            # A re-evaluation adds the checkpoint's name, which may be that of a local folder.
            test = str(score["title"]).removesuffix(f"-{checkpoint.name}")
            yield from _scores(ref, test, score, generate, store)


def _scores(
    ref: ArtifactRef,
    test: str,
    score: Mapping[str, Any],
    generate: Mapping[str, Any],
    store: Store,
) -> Iterator[CardScore]:
    summary = read_json(store.fetch(ref) / SCORES)
    decode = generate["identity"]["decode"]
    beams = decode["beams"]
    for corpus, row in summary["corpora"].items():
        low, high = row.get("interval", (None, None))
        yield CardScore(
            test=test,
            corpus=corpus,
            sentences=row["sentences"],
            precision=row["precision"],
            recall=row["recall"],
            f1=row["f1"],
            low=low,
            high=high,
            level=score["identity"]["scoring"]["level"],
            decoding=f"{decode['mode']}, {beams} beam{'s' if beams > 1 else ''}",
        )


def _files(folder: Path) -> Iterator[str]:
    for file in sorted(folder.iterdir()):
        wanted = any(fnmatch(file.name, form) for form in MODEL_FILES)
        if file.is_file() and wanted and file.name not in KEPT_HERE:
            yield file.name
