"""The steps of a whole experiment and how they hang together, before any of them runs.

Owns the graph: prepare → adapt → zero-shot test → fine-tune → supervised test → report. The
flow walks it; `gner run --dry-run` prints it.

Example:
    plan = plan_experiment(experiment)
    for step in plan.steps():
        print(step.ref.path, step.title)
"""

from collections.abc import Iterator
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
    finetuning: Step
    evaluations: dict[str, Evaluation]
    report: Step

    def steps(self) -> Iterator[Step]:
        """Yield every step after its inputs."""
        yield from self.corpora.values()
        yield from self.samples.values()
        yield from (self.backbone, self.adaptation, self.finetuning)
        for evaluation in self.evaluations.values():
            yield from (evaluation.generate, evaluation.score)
        yield self.report


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
    samples = {
        "adaptation": sample_step("adaptation sentences", experiment.adaptation.data, corpora),
        "zero-shot": sample_step("zero-shot sentences", experiment.zero_shot, corpora),
        "finetuning": sample_step("fine-tuning sentences", experiment.finetuning.data, corpora),
        "supervised": sample_step("supervised sentences", experiment.supervised, corpora),
        **{
            validation_of(title): sample_step(validation_of(title), sample, corpora)
            for title, sample in experiment.validation().items()
        },
    }
    learned_from = {name: samples[name] for name in ("adaptation", "finetuning")}
    base = backbone_step(backbone, root, learned_from)
    adaptation = train_step(
        "adaptation",
        experiment.adaptation,
        experiment,
        model=base,
        data=samples["adaptation"],
        validation=samples.get(validation_of("adaptation")),
    )
    finetuning = train_step(
        "finetuning",
        experiment.finetuning,
        experiment,
        model=adaptation,
        data=samples["finetuning"],
        validation=samples.get(validation_of("finetuning")),
    )
    tested = {
        "zero-shot": (adaptation, samples["zero-shot"]),
        "supervised": (finetuning, samples["supervised"]),
    }
    if experiment.baseline:
        tested = {"baseline": (base, samples["supervised"]), **tested}
    evaluations = {}
    for title, (model, data) in tested.items():
        generate = generate_step(title, experiment, model=model, data=data)
        evaluations[title] = Evaluation(generate, score_step(title, experiment, generate))
    report = report_step(
        experiment,
        {
            **{f"corpus {name}": step for name, step in corpora.items()},
            **{f"sample {name}": step for name, step in samples.items()},
            "backbone": base,
            "adaptation": adaptation,
            "finetuning": finetuning,
            **{f"generate {title}": e.generate for title, e in evaluations.items()},
            **{f"score {title}": e.score for title, e in evaluations.items()},
        },
    )
    return Plan(corpora, samples, base, adaptation, finetuning, evaluations, report)
