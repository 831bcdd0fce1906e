"""Params of an experiment.

Every field changes the result and enters the keys of the steps that depend on it, except those of
`execution`.
"""

from pydantic import Field, model_validator

from gner_core.config.backbone import BackboneParams
from gner_core.config.corpus import CorpusParams
from gner_core.config.execution import ExecutionParams
from gner_core.config.sample import SampleParams, known_sample
from gner_core.config.scoring import ScoringParams
from gner_core.config.system import DecodeParams, MatchParams, TargetForm
from gner_core.config.training import ChooseOnSample, StageParams
from gner_core.strict import StrictModel


class ReportParams(StrictModel):
    """What the report shows."""

    examples: int = Field(ge=0, le=200)
    """Example sentences with gold and predicted entities."""


class Experiment(StrictModel):
    """A whole experiment file: the input of the flow `gner`."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Lower-case name with dashes; names runs and reports."""
    data_root: str
    """Folder of the corpus files: relative to the working directory, absolute, "package" for the
    demo corpora of gner, or "cache": fetched into the folder of GNER_HOME where they are missing."""
    corpora: dict[str, CorpusParams] = Field(min_length=1)
    """The catalog; an experiment file may name another YAML file here."""
    backbone: BackboneParams
    """The pretrained model; an experiment file may name another YAML file here."""
    adaptation: StageParams
    """Task adaptation: the first stage (Pile-NER in the paper)."""
    zero_shot: SampleParams
    """Test sentences of types and domains that adaptation has not seen."""
    finetuning: StageParams | None
    """Supervised fine-tuning: the second stage, from the adapted checkpoint; null for none."""
    supervised: SampleParams | None
    """Held-out sentences of the corpora of the second stage; null without a second stage."""
    baseline: bool
    """Also test the untrained backbone on the supervised test sentences."""
    target: TargetForm
    decode: DecodeParams
    match: MatchParams
    scoring: ScoringParams
    """Intervals and what else scores come with; an experiment file may name another YAML file here."""
    report: ReportParams
    execution: ExecutionParams

    @model_validator(mode="after")
    def _samples_name_known_corpora(self) -> "Experiment":
        for key, sample in self.samples().items():
            known_sample(key, sample, self.corpora)
        for title, sample in self.validation().items():
            for test in self.tests().values():
                both = sorted({*sample.corpora} & {*test.corpora})
                if both and sample.split == test.split:
                    raise ValueError(
                        f"{title}.choose.data names a test set: {both[0]}, split {test.split!r}"
                    )
        return self

    @model_validator(mode="after")
    def _second_stage_is_whole(self) -> "Experiment":
        if (self.finetuning is None) != (self.supervised is None):
            raise ValueError("finetuning and supervised belong together: set both to null, or none")
        if self.finetuning and self.supervised:
            if self.finetuning.data.split == self.supervised.split:
                raise ValueError(
                    f"finetuning and supervised both use split {self.supervised.split!r}"
                )
        elif self.baseline:
            raise ValueError("baseline needs the sentences of supervised; set baseline: false")
        return self

    @model_validator(mode="after")
    def _guided_writes_bio(self) -> "Experiment":
        form = (self.target.labels, self.target.context)
        if self.decode.mode == "guided" and form != ("BIO", "full"):
            raise ValueError("decode.mode guided needs target.labels BIO and target.context full")
        return self

    def stages(self) -> dict[str, StageParams]:
        """Return the training stages in their order."""
        second = {"finetuning": self.finetuning} if self.finetuning else {}
        return {"adaptation": self.adaptation, **second}

    def tests(self) -> dict[str, SampleParams]:
        """Return the samples on which checkpoints are tested, by their key in the file."""
        second = {"supervised": self.supervised} if self.supervised else {}
        return {"zero_shot": self.zero_shot, **second}

    def evaluations(self) -> tuple[str, ...]:
        """Return the titles of the evaluations in their order."""
        first = ("baseline",) if self.baseline else ()
        return (*first, "zero-shot", *(("supervised",) if self.supervised else ()))

    def validation(self) -> dict[str, SampleParams]:
        """Return, per stage that has one, the sample by which weights are chosen."""
        choices = {title: stage.choose for title, stage in self.stages().items()}
        return {title: c.data for title, c in choices.items() if isinstance(c, ChooseOnSample)}

    def samples(self) -> dict[str, SampleParams]:
        """Return every sample of the experiment by its key path in the file."""
        first = {"adaptation.data": self.adaptation.data, "zero_shot": self.zero_shot}
        second = {}
        if self.finetuning and self.supervised:
            second = {"finetuning.data": self.finetuning.data, "supervised": self.supervised}
        chosen_on = {f"{title}.choose.data": data for title, data in self.validation().items()}
        return {**first, **second, **chosen_on}

    def leaks(self) -> dict[str, str]:
        """Return, per stage with such a leak, how its choice of weights depends on test data."""
        found = {}
        for title, sample in self.validation().items():
            reasons = []
            targets = sorted({*sample.corpora} & {*self.zero_shot.corpora})
            if title == "adaptation" and targets:
                reasons.append(f"chosen on the zero-shot targets {', '.join(targets)}")
            tests = {(name, t.split) for t in self.tests().values() for name in t.corpora}
            made = {name: self.corpora[name].made.get(sample.split) for name in sample.corpora}
            copies = [
                name
                for name, rule in made.items()
                if rule and rule.rule == "same_as" and (name, rule.of) in tests
            ]
            if copies:
                reasons.append(f"their split {sample.split!r} is the test set: {', '.join(copies)}")
            if reasons:
                found[title] = "; ".join(reasons)
        return found
