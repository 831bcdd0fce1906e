"""The steps of a whole experiment and how they hang together, before any of them runs.

Owns the graph: prepare → adapt → zero-shot test → fine-tune → supervised test → report. The
flow walks it; `gner run --dry-run` prints it.

Example:
    plan = plan_experiment(experiment)
    for step in plan.steps():
        print(step.ref.path, step.title)
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gner_core.corpus_params import CorpusParams
from gner_core.params import Experiment
from tasks.steps import (
    Step,
    backbone_step,
    corpus_step,
    generate_step,
    report_step,
    sample_step,
    score_step,
    train_step,
)

TESTED = {"baseline": "", "zero-shot": "adaptation", "supervised": "finetuning"}
"""Title of an evaluation → the training whose checkpoint it tests."""


@dataclass(frozen=True)
class Evaluation:
    """One checkpoint on one set of test sentences."""

    generate: Step
    score: Step


@dataclass(frozen=True)
class Plan:
    """All steps of an experiment, in an order in which they can run."""

    corpora: dict[str, Step]
    samples: dict[str, Step]
    backbone: Step
    adaptation: Step
    finetuning: Step | None
    """None where the experiment has no second stage."""
    evaluations: dict[str, Evaluation]
    report: Step

    def steps(self) -> Iterator[Step]:
        """Yield every step after its inputs."""
        yield from self.corpora.values()
        yield from self.samples.values()
        yield from (self.backbone, *self.stages().values())
        for evaluation in self.evaluations.values():
            yield from (evaluation.generate, evaluation.score)
        yield self.report

    def stages(self) -> dict[str, Step]:
        """Return the trainings in their order."""
        second = {"finetuning": self.finetuning} if self.finetuning else {}
        return {"adaptation": self.adaptation, **second}


def used_corpora(experiment: Experiment) -> dict[str, CorpusParams]:
    """Return the corpora that some sample of an experiment names, in the order of the catalog."""
    named = {name for sample in experiment.samples().values() for name in sample.corpora}
    return {name: corpus for name, corpus in experiment.corpora.items() if name in named}


def validation_of(stage: str) -> str:
    """Return the name of the sample by which a stage's weights are chosen."""
    return f"{stage} validation"


def plan_experiment(experiment: Experiment) -> Plan:
    """Return the plan of an experiment.

    Raises:
        InputError: when a corpus file or a local model is missing.
    """
    root, backbone = experiment.data_root, experiment.backbone
    corpora = {
        name: corpus_step(name, corpus, root) for name, corpus in used_corpora(experiment).items()
    }
    stages = experiment.stages()
    samples = {
        title: sample_step(name, experiment.samples()[place], corpora)
        for place, (title, name) in _samples(stages).items()
        if place in experiment.samples()
    }
    base = backbone_step(backbone, root, {title: samples[title] for title in stages})
    model, trained = base, {}
    for title, stage in stages.items():
        model = trained[title] = train_step(
            title,
            stage,
            experiment,
            model=model,
            data=samples[title],
            validation=samples.get(validation_of(title)),
        )
    evaluations = {}
    for title in experiment.evaluations():
        generate = generate_step(
            title,
            experiment,
            model=trained.get(TESTED[title], base),
            data=samples["zero-shot" if title == "zero-shot" else "supervised"],
        )
        evaluations[title] = Evaluation(generate, score_step(title, experiment, generate))
    report = report_step(
        experiment,
        {
            **{f"corpus {name}": step for name, step in corpora.items()},
            **{f"sample {name}": step for name, step in samples.items()},
            "backbone": base,
            **trained,
            **{f"generate {title}": e.generate for title, e in evaluations.items()},
            **{f"score {title}": e.score for title, e in evaluations.items()},
        },
    )
    adaptation, finetuning = trained["adaptation"], trained.get("finetuning")
    return Plan(corpora, samples, base, adaptation, finetuning, evaluations, report)


def _samples(stages: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return, for each place of a sample in an experiment, its name in the plan and its title."""
    chosen_on = {f"{stage}.choose.data": validation_of(stage) for stage in stages}
    return {
        "adaptation.data": ("adaptation", "adaptation sentences"),
        "zero_shot": ("zero-shot", "zero-shot sentences"),
        "finetuning.data": ("finetuning", "fine-tuning sentences"),
        "supervised": ("supervised", "supervised sentences"),
        **{place: (name, name) for place, name in chosen_on.items()},
    }
