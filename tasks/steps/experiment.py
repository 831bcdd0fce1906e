"""The plan of an experiment: its steps, each with its inputs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gner_core.config.corpus import CorpusParams
from gner_core.config.experiment import Experiment
from gner_core.config.sample import SampleParams
from tasks.steps.base import Step
from tasks.steps.data import Corpus, Sample, plan_corpora, plan_sample
from tasks.steps.models import Backbone, Generate, Model, Train, plan_backbone
from tasks.steps.results import Report, Score


@dataclass(frozen=True)
class Plan:
    """All steps of an experiment."""

    corpora: Mapping[str, Corpus]
    samples: Mapping[str, Sample]
    backbone: Backbone
    stages: Mapping[str, Train]
    """The trainings, the first one first."""
    tests: Mapping[str, Score]
    report: Report

    def steps(self) -> Iterator[Step]:
        """Yield every step after its inputs."""
        yield from self.corpora.values()
        yield from self.samples.values()
        yield self.backbone
        yield from self.stages.values()
        for score in self.tests.values():
            yield from (score.predictions, score)
        yield self.report


def used_corpora(experiment: Experiment) -> dict[str, CorpusParams]:
    """Return the corpora that some sample of an experiment names, in the order of the catalog."""
    named = {name for sample in experiment.samples().values() for name in sample.corpora}
    return {name: corpus for name, corpus in experiment.corpora.items() if name in named}


def plan_experiment(experiment: Experiment) -> Plan:
    """Return the plan of an experiment.

    Raises:
        InputError: when a corpus file or a local model is missing.
    """
    corpora = plan_corpora(used_corpora(experiment), experiment.data_root)
    given = _samples(experiment)
    samples = {name: plan_sample(title, one, corpora) for name, (title, one) in given.items()}
    backbone = plan_backbone(
        experiment.backbone,
        experiment.data_root,
        sentences=[samples[stage] for stage in experiment.stages()],
    )
    stages: dict[str, Train] = {}
    model: Model = backbone
    for title, stage in experiment.stages().items():
        model = stages[title] = Train(
            title=title,
            stage=stage,
            target=experiment.target,
            backbone=experiment.backbone,
            model=model,
            data=samples[title],
            validation=samples.get(_validation_of(title)),
        )
    tests = {}
    for title, tested in _tested(experiment, backbone, stages).items():
        written = Generate(
            title=title,
            model=tested,
            data=samples["zero-shot" if title == "zero-shot" else "supervised"],
            target=experiment.target,
            backbone=experiment.backbone,
            decode=experiment.decode,
        )
        tests[title] = Score(
            title=title,
            predictions=written,
            match=experiment.match,
            scoring=experiment.scoring,
        )
    report = Report(
        title=experiment.name,
        experiment=experiment.name,
        params=experiment.report,
        corpora=corpora,
        samples=samples,
        backbone=backbone,
        stages=stages,
        tests=tests,
        leaks=experiment.leaks(),
    )
    return Plan(corpora, samples, backbone, stages, tests, report)


def _tested(
    experiment: Experiment, backbone: Backbone, stages: Mapping[str, Train]
) -> dict[str, Model]:
    """Return the model of each test, in the order of the tests."""
    models: dict[str, Model] = {"baseline": backbone, "zero-shot": stages["adaptation"]}
    if "finetuning" in stages:
        models["supervised"] = stages["finetuning"]
    return {title: models[title] for title in experiment.evaluations()}


def _samples(experiment: Experiment) -> dict[str, tuple[str, SampleParams]]:
    """Return name → title and params of every sample of an experiment."""
    at = experiment.samples()
    named = {
        "adaptation.data": ("adaptation", "adaptation sentences"),
        "zero_shot": ("zero-shot", "zero-shot sentences"),
        "finetuning.data": ("finetuning", "fine-tuning sentences"),
        "supervised": ("supervised", "supervised sentences"),
    }
    first = {name: (title, at[key]) for key, (name, title) in named.items() if key in at}
    chosen_on = {
        _validation_of(stage): (_validation_of(stage), sample)
        for stage, sample in experiment.validation().items()
    }
    return {**first, **chosen_on}


def _validation_of(stage: str) -> str:
    """Return the name of the sample by which a stage's weights are chosen."""
    return f"{stage} validation"
