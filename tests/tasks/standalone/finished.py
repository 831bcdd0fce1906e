"""A store in which the points of a sweep are finished, without a model: their scores are made up."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from gner_core.artifact_files import SCORED, SCORES, SUMMARY
from gner_core.config.reading.files import read_scoring
from gner_core.scoring.evaluate import summarise
from gner_core.scoring.scored import Scored, write_scored
from gner_core.store.artifacts import Store
from tasks.plans.experiment import Plan
from tasks.steps.results import Score
from tasks.steps.step import Step

ROOT = Path(__file__).parents[3]
FORMS = ("none", "full")
SEEDS = ("1", "2")
SECONDS = 1800.0
"""Of every step with a model."""
Found = Callable[[int, int], bool]
"""Number of a sentence, and of an entity in it → whether it is found."""


def study_files(folder: Path, **changes: Any) -> Path:
    """Write a sweep, a results file that shows it, and return the latter."""
    (folder / "params").mkdir(parents=True, exist_ok=True)
    sweep = {
        "name": "forms",
        "base": str(ROOT / "params" / "tiny.yaml"),
        "fixed": {"stages.finetuning": None, "tests.baseline": None, "tests.supervised": None},
        "axes": {
            "form": {name: {"system.context": 0 if name == "none" else name} for name in FORMS},
            "seed": {name: {"stages.adaptation.train.seed": int(name)} for name in SEEDS},
        },
        "seeds": "seed",
        "show": ["zero-shot/f1"],
        "figure": "table",
    }
    (folder / "params" / "forms.yaml").write_text(yaml.safe_dump(sweep, sort_keys=False))
    study = {
        "name": "forms",
        "file": "forms.yaml",
        "title": "Words around entities (Table 1)",
        "show": ["zero-shot/f1", "zero-shot/UE", "zero-shot/seconds"],
        "by_corpus": ["zero-shot"],
        "by_type": ["zero-shot"],
        "figure": "rows",
        "claims": [
            {
                "says": "Context helps.",
                "score": "zero-shot/f1",
                "of": {"form": "full"},
                "against": {"form": "none"},
                "above": 0,
            }
        ],
        **changes,
    }
    groups = [{"title": "First", "studies": [study]}]
    values = {"title": "Results", "page": "../docs/results.md", "groups": groups}
    file = folder / "params" / "results.yaml"
    file.write_text(yaml.safe_dump(values, sort_keys=False))
    return file


def finish(plan: Plan, store: Store, found: Found) -> None:
    """Publish everything of a point that its scores come from."""
    for step in (*plan.stages.values(), *(one.predictions for one in plan.tests.values())):
        _publish(step, store, {SUMMARY: json.dumps({"sentences": 12})})
    for score in plan.tests.values():
        if not store.has(score.ref):
            _publish_score(score, store, found)


def _publish(step: Step, store: Store, files: dict[str, str]) -> None:
    if store.has(step.ref):
        return
    used = {"usage": {"seconds": SECONDS}, "computed_in": "float32"}
    with store.publish(step.ref, about={**step.manifest_facts(), **used}) as folder:
        for name, text in files.items():
            (folder / name).write_text(text)


def _publish_score(score: Score, store: Store, found: Found) -> None:
    scored = list(sentences(found))
    with store.publish(score.ref, about=score.manifest_facts()) as folder:
        write_scored(folder / SCORED, scored)
        (folder / SCORES).write_text(json.dumps(summarise(scored, read_scoring(None))))


def sentences(found: Found) -> Iterator[Scored]:
    """Twelve sentences of two corpora with two entities each; what is not found is O."""
    for number in range(12):
        words = ("Ada", "plays", f"Sonata{number}")
        gold = ("B-person", "O", "B-song")
        first, second = (found(number, entity) for entity in (0, 1))
        predicted = ("B-person" if first else "O", "O", "B-song" if second else "B-person")
        corpus = "music" if number < 8 else "news"
        yield Scored(
            *(f"{corpus}/{number}", corpus, words, gold, "", False, None, None, predicted, None),
            *(0, 0, 0, 0, 0, False),
        )
