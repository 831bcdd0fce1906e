"""The model card that is published with a checkpoint, and read again when it is handed on.

A training is published before its scores exist, and what is published never changes. Its card
therefore has no scores: `gner push` writes the card anew with those that the store has by then. Cards
are no content of a checkpoint (`tasks.checkpoints.identity`), so no key depends on one.
"""

from pathlib import Path
from typing import Any

from gner_core.artifact_files import STATISTICS
from gner_core.config.checkpoint import description_of
from gner_core.config.corpus import CorpusParams, HubSource
from gner_core.reports.card.facts import CARD, UNKNOWN, CardFacts, TrainedCorpus, TrainedStage
from gner_core.reports.card.text import write_card
from gner_core.runtime.files import read_json
from gner_core.store.artifacts import Store
from tasks.steps.data import Sample
from tasks.steps.models import Stored, Train

THIS_FOLDER = "path/to/this/folder"


def add_card(folder: Path, step: Train, store: Store) -> None:
    """Write the card of a finished training into its folder."""
    facts = facts_of_training(step, store)
    about = description_of(folder)
    title = f"{about.backbone.name}, {step.title}"
    text = write_card(about, facts, title=title, where=THIS_FOLDER, licence=UNKNOWN, scores=())
    (folder / CARD).write_text(text, encoding="utf-8")


def facts_of_training(step: Train, store: Store) -> CardFacts:
    """Return what a card says of a training and of those before it."""
    own = _stage(step, store)
    if isinstance(step.model, Train):
        before = facts_of_training(step.model, store)
    elif isinstance(step.model, Stored):
        where = step.model.stored_at
        before = facts_in(store.folder(where))
    else:
        return CardFacts(stages=(own,))
    if before.stages is None:
        return CardFacts(stages=(own,), earlier=step.model.title)
    return before.model_copy(update={"stages": (*before.stages, own)})


def facts_in(folder: Path) -> CardFacts:
    """Return what the card in the folder of a checkpoint says; nothing is known where it has none."""
    from huggingface_hub import ModelCard
    from pydantic import ValidationError

    file = folder / CARD
    try:
        said: Any = ModelCard(file.read_text(encoding="utf-8")).data.to_dict().get("gner")
        return CardFacts.model_validate(said)
    except (OSError, ValueError, ValidationError):
        return CardFacts(stages=None)


def _stage(step: Train, store: Store) -> TrainedStage:
    recipe = step.stage.train
    return TrainedStage(
        name=step.title,
        key=step.ref.key,
        epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        corpora=tuple(_corpora(step.data, store)),
    )


def _corpora(sample: Sample, store: Store) -> list[TrainedCorpus]:
    counts = read_json(store.fetch(sample.ref) / STATISTICS)
    return [
        _corpus(name, step.params, counts.get(name, {"sentences": 0, "types": 0}))
        for name, step in sample.corpora.items()
    ]


def _corpus(name: str, params: CorpusParams, counts: dict[str, int]) -> TrainedCorpus:
    hub = [source.repo for source in params.sources if isinstance(source, HubSource)]
    return TrainedCorpus(
        name=name,
        origin=params.origin or UNKNOWN,
        licence=params.licence or UNKNOWN,
        redistributable=params.redistributable,
        dataset=hub[0] if hub else None,
        sentences=counts["sentences"],
        types=counts["types"],
    )
