"""Params of an experiment: any number of training stages, and of tests of their checkpoints.

Every field changes the result and enters the keys of the steps that depend on it, except those of
`execution`. What a file does not say comes from params/defaults.yaml.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, ValidationInfo, model_validator

from gner_core.config.backbone import BackboneParams
from gner_core.config.corpus import CorpusParams
from gner_core.config.execution import ExecutionParams
from gner_core.config.sample import SampleParams, faults_of_sample
from gner_core.config.scoring import ScoringParams
from gner_core.config.system import DecodeParams, GnerSystem, MatchParams
from gner_core.config.training import (
    BACKBONE,
    ChooseHeldOut,
    ChooseOnSample,
    Origin,
    StageParams,
    StoredCheckpoint,
)
from gner_core.errors import did_you_mean
from gner_core.strict import StrictModel, flat

LONGEST_NAME = 100
"""Characters of a name: it is part of names of files, which have at most 255."""
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=LONGEST_NAME)]
"""Lower-case with dashes."""


class ReportParams(StrictModel):
    """What the report shows."""

    examples: int = Field(ge=0, le=200)
    """Example sentences with gold and predicted entities."""


class TestParams(StrictModel):
    """A test of one checkpoint on one sample."""

    of: Origin
    """The checkpoint."""
    data: SampleParams
    beside: Literal["table-2", "table-3"] | None = None
    """Table of the paper whose test this is: its numbers are shown next to ours. Null for none."""


class Experiment(StrictModel):
    """A whole experiment file: the input of the flow `gner`."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=2 * LONGEST_NAME)
    """Lower-case name with dashes; names runs and reports."""
    data_root: str
    """Folder of the corpus files: relative to the experiment file, absolute, "package" for the
    demo corpora of gner, or "cache": fetched into the folder of GNER_HOME where they are missing."""
    corpora: dict[str, CorpusParams] = Field(min_length=1)
    """The catalog; an experiment file may name another YAML file here."""
    backbone: BackboneParams | None = None
    """The pretrained model; an experiment file may name another YAML file here. Stored checkpoints
    need none."""
    system: GnerSystem
    """What models are trained to write. Stored checkpoints say their own."""
    stages: dict[Name, StageParams]
    """Training stages by name, in any order."""
    tests: dict[Name, TestParams]
    """Tests by name."""
    decode: DecodeParams
    match: MatchParams
    scoring: ScoringParams
    """Intervals and what else scores come with; an experiment file may name another YAML file here."""
    report: ReportParams
    execution: ExecutionParams
    _file: str = PrivateAttr(default="")
    _defaulted: frozenset[str] = PrivateAttr(default=frozenset())

    @model_validator(mode="after")
    def _remember_its_file(self, info: ValidationInfo) -> "Experiment":
        given: Mapping[str, Any] = info.context or {}
        self._file = given.get("file", "")
        self._defaulted = frozenset(given.get("defaulted", ()))
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> "Experiment":
        faults = list(self._faults_of_names())
        if not faults:  # else there are no chains of stages to look at
            faults = [*self._faults_of_backbone(), *self._faults_of_samples()]
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @property
    def file(self) -> str:
        """Where it was read, for messages."""
        return self._file

    @property
    def defaulted(self) -> frozenset[str]:
        """Key paths of the values that come from params/defaults.yaml."""
        return self._defaulted

    def values(self) -> dict[str, Any]:
        """Return all values but those of the catalog, as JSON values under the keys of the file."""
        return self.model_dump(mode="json", by_alias=True, exclude={"corpora"})

    def shown(self) -> list[tuple[str, Any, bool]]:
        """Return the values that determine results by key path, and whether each is a default."""
        left_out = ("name", "data_root", "backbone", "execution")
        values = {key: one for key, one in self.values().items() if key not in left_out}
        return [(key, value, key in self.defaulted) for key, value in flat(values)]

    def taken_defaults(self) -> dict[str, Any]:
        """Return the values that come from params/defaults.yaml, by key path."""
        return {key: value for key, value in flat(self.values()) if key in self.defaulted}

    def origins(self) -> dict[str, Origin]:
        """Return by key path what every stage starts from, and what every test tests."""
        return {
            **{f"stages.{name}.from": stage.origin for name, stage in self.stages.items()},
            **{f"tests.{name}.of": test.of for name, test in self.tests.items()},
        }

    def chain(self, origin: Origin) -> tuple[str, ...]:
        """Return the stages that a checkpoint went through, the first one first."""
        if isinstance(origin, StoredCheckpoint) or origin == BACKBONE:
            return ()
        return (*self.chain(self.stages[origin].origin), origin)

    def ordered_stages(self) -> dict[str, StageParams]:
        """Return the stages, each after the one that it starts from."""
        names = [name for end in self.stages for name in self.chain(end)]
        return {name: self.stages[name] for name in dict.fromkeys(names)}

    def validation(self) -> dict[str, SampleParams]:
        """Return, per stage that has one, the sample by which weights are chosen."""
        choices = {name: stage.choose for name, stage in self.stages.items()}
        return {name: c.data for name, c in choices.items() if isinstance(c, ChooseOnSample)}

    def samples(self) -> dict[str, SampleParams]:
        """Return every sample of the experiment by its key path in the file."""
        return {
            **{f"stages.{name}.data": stage.data for name, stage in self.stages.items()},
            **{f"tests.{name}.data": test.data for name, test in self.tests.items()},
            **{f"stages.{n}.choose.data": sample for n, sample in self.validation().items()},
        }

    def leaks(self) -> dict[str, str]:
        """Return, per stage with such a leak, how its choice of weights depends on test data."""
        tests = [(self.chain(test.of), test.data) for test in self.tests.values()]
        found = {}
        for stage, sample in self.validation().items():
            reasons = []
            only_tested = {
                corpus
                for chain, data in tests
                if stage in chain
                for corpus in {*sample.corpora} & {*data.corpora}
                if all(corpus not in self.stages[one].data.corpora for one in chain)
            }
            if only_tested:
                named = ", ".join(sorted(only_tested))
                reasons.append(f"chosen on corpora that are tested and not trained on: {named}")
            tested = {(name, data.split) for _, data in tests for name in data.corpora}
            made = {name: self.corpora[name].made.get(sample.split) for name in sample.corpora}
            copies = [
                name
                for name, rule in made.items()
                if rule and rule.rule == "same_as" and (name, rule.of) in tested
            ]
            if copies:
                reasons.append(f"their split {sample.split!r} is the test set: {', '.join(copies)}")
            if reasons:
                found[stage] = "; ".join(reasons)
        return found

    def _faults_of_names(self) -> Iterator[str]:
        """Yield stages and tests that cannot be told apart, and names of stages that are not there."""
        if not self.stages and not self.tests:
            yield "stages, tests: both are empty; name a stage to train, or a checkpoint to test"
        for name in self.stages:
            if name == BACKBONE:
                yield f"stages.{name}: names the untrained model; take another name"
            if name in self.tests:
                yield f"tests.{name}: a stage has this name, too; take another one"
        for key, origin in self.origins().items():
            if isinstance(origin, str) and origin not in (*self.stages, BACKBONE):
                known = (*self.stages, BACKBONE)
                hint = did_you_mean(origin, known) or f"; there are: {', '.join(known)}"
                yield f"{key}: no stage {origin!r}{hint}"
        for name in self.stages:
            seen, at = [name], self.stages[name].origin
            while isinstance(at, str) and at in self.stages and at not in seen:
                seen.append(at)
                at = self.stages[at].origin
            if at == name:
                yield f"stages.{name}.from: goes round in a circle: {' ← '.join([*seen, name])}"

    def _faults_of_backbone(self) -> Iterator[str]:
        users = [key for key, origin in self.origins().items() if origin == BACKBONE]
        if users and self.backbone is None:
            yield f"backbone: missing, and {users[0]} names it"
        if not users:
            return
        form = (self.system.labels, self.system.context)
        if self.decode.mode == "guided" and form != ("BIO", "full"):
            yield (
                "decode.mode: guided needs system.labels BIO and system.context full, "
                f"got {form[0]} and {form[1]}; set free"
            )

    def _faults_of_samples(self) -> Iterator[str]:
        for key, sample in self.samples().items():
            yield from faults_of_sample(key, sample, self.corpora)
        for name, sample in self.validation().items():
            for title, test in self.tests.items():
                if both := _common(sample, test.data):
                    yield (
                        f"stages.{name}.choose.data: names the test set of tests.{title}: "
                        f"{both}, split {sample.split!r}"
                    )
        for title, test in self.tests.items():
            for name in self.chain(test.of):
                if both := _common(self.stages[name].data, test.data):
                    yield (
                        f"tests.{title}.data: stages.{name} is trained on it: {both}, "
                        f"split {test.data.split!r}"
                    )
        for name, stage in self.stages.items():
            most = stage.data.per_corpus * len(stage.data.corpora)
            if isinstance(stage.choose, ChooseHeldOut) and stage.choose.sentences >= most:
                yield (
                    f"stages.{name}.choose.sentences: {stage.choose.sentences} held out of at most "
                    f"{most} (data.per_corpus) leave none to train on"
                )


def _common(one: SampleParams, other: SampleParams) -> str:
    """Return the corpora that two samples draw from the same split of; empty for none."""
    both = sorted({*one.corpora} & {*other.corpora})
    return ", ".join(both) if one.split == other.split else ""
