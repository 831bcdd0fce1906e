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
from gner_core.config.systems.any import DecodeParams, System
from gner_core.config.systems.gner import GnerSystem, MatchParams
from gner_core.config.training import (
    BACKBONE,
    SYSTEM,
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


PaperTable = Literal["table-2", "table-3"]
"""The tables of the paper that compare systems: zero-shot, and supervised."""


class ReportParams(StrictModel):
    """What the report shows."""

    examples: int = Field(ge=0, le=200)
    """Example sentences with gold and predicted entities."""


class TestParams(StrictModel):
    """A test of one checkpoint on one sample."""

    of: Origin
    """The checkpoint."""
    data: SampleParams
    beside: PaperTable | None = None
    """Table of the paper whose test this is: its numbers are shown next to ours. Null for none."""
    system: System | None = Field(default=None, exclude_if=lambda system: system is None)
    """The system in this test, where it differs from the experiment's, as in its prompts; what it
    does not say is as there. Null, or left out, for the experiment's own."""


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
    system: System
    """What models are trained to write. Stored checkpoints say their own."""
    stages: dict[Name, StageParams]
    """Training stages by name, in any order."""
    tests: dict[Name, TestParams]
    """Tests by name."""
    decode: DecodeParams | None
    """Null for a system that generates no text with a model of ours."""
    match: MatchParams | None
    """Of gner alone; other systems read their answers themselves: null."""
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
            faults = [
                *self._faults_of_system(),
                *self._faults_of_backbone(),
                *self._faults_of_samples(),
                *self._faults_of_fit(),
            ]
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
        if isinstance(origin, StoredCheckpoint) or origin in (BACKBONE, SYSTEM):
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
            if name in (BACKBONE, SYSTEM):
                yield f"stages.{name}: names no stage but the {name}; take another name"
            if name in self.tests:
                yield f"tests.{name}: a stage has this name, too; take another one"
        for key, origin in self.origins().items():
            if isinstance(origin, str) and origin not in (*self.stages, BACKBONE, SYSTEM):
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

    def _faults_of_system(self) -> Iterator[str]:
        """Yield what means nothing for the system, and what is missing for it."""
        kind = self.system.kind
        for name, test in self.tests.items():
            if test.system is not None and test.system.kind != kind:
                yield (
                    f"tests.{name}.system.kind: {test.system.kind}, and the experiment's system is "
                    f"{kind}; test another system in an experiment of its own"
                )
            elif (
                isinstance(test.system, GnerSystem)
                and isinstance(self.system, GnerSystem)
                and test.system.target != self.system.target
            ):
                yield (
                    f"tests.{name}.system: what a model of gner writes is learned; a test may say "
                    "type_names only"
                )
        if self.system.HAS_NO_MODEL:
            yield from self._faults_without_model(kind)
        else:
            yield from self._faults_with_model(kind)

    def _faults_with_model(self, kind: str) -> Iterator[str]:
        for key, origin in self.origins().items():
            if origin == SYSTEM:
                yield f"{key}: {kind} needs a model; name a stage, a checkpoint or the backbone"
        if self.decode is None:
            yield "decode: missing; it says how the model generates text"
        if kind == "gner":
            if self.match is None:
                yield "match: missing; the system gner needs it to find its words in the sentence"
            return
        if self.decode and self.decode.mode == "guided":
            yield f"decode.mode: only gner can be guided, and the system is {kind}; set free"
        learns = self.stages and self.backbone and self.backbone.family == "encoder_decoder"
        if learns and self.system.SEVERAL_ANSWERS:
            yield (
                f"system.kind: {kind} is learned from texts with several answers, which needs a "
                "backbone of the family decoder_only"
            )
        if kind == "gliner":
            yield from self._faults_of_gliner()
        if self.match is not None:
            yield f"match: only gner matches words, {kind} reads its answers itself; set null"

    def _faults_without_model(self, kind: str) -> Iterator[str]:
        """Yield what means nothing for a system that answers without a model of ours."""
        for name in self.stages:
            yield f"stages.{name}: {kind} is not trained; leave stages out"
        for name, test in self.tests.items():
            if test.of != SYSTEM:
                yield f"tests.{name}.of: {kind} answers without a model of ours; write of: system"
            if test.beside:
                yield f"tests.{name}.beside: the paper has no numbers of {kind}; leave it out"
        for key in ("backbone", "decode", "match"):
            if getattr(self, key) is not None:
                yield f"{key}: means nothing for {kind}; leave it out, or set null"

    def _faults_of_gliner(self) -> Iterator[str]:
        """Yield what the package of GLiNER does not do in training."""
        if self.stages and self.backbone and self.backbone.family == "encoder_decoder":
            yield "backbone.family: gliner is trained on an encoder or a decoder_only model"
        for name, stage in self.stages.items():
            if stage.choose.kind != "last":
                yield f"stages.{name}.choose: gliner keeps its last weights; set {{kind: last}}"
            if stage.train.lora:
                yield f"stages.{name}.train.lora: gliner trains all weights; set null"
            if stage.train.length_window > 1:
                yield f"stages.{name}.train.length_window: gliner has random batches; set 1"
        if self.stages and self.execution.launcher.kind != "plain":
            yield "execution.launcher: gliner is trained by one process; set {kind: plain}"

    def _faults_of_backbone(self) -> Iterator[str]:
        users = [key for key, origin in self.origins().items() if origin == BACKBONE]
        if users and self.backbone is None:
            yield f"backbone: missing, and {users[0]} names it"
        system = self.system
        if self.backbone and self.backbone.family == "encoder" and system.kind != "gliner":
            yield "backbone.family: an encoder writes nothing; only the system gliner needs one"
        if not users or not isinstance(system, GnerSystem):
            return
        if self.decode and self.decode.mode == "guided" and not system.can_be_guided:
            yield (
                "decode.mode: guided needs system.labels BIO or BI and system.context full, "
                f"got {system.labels} and {system.context}; set free"
            )

    def _faults_of_fit(self) -> Iterator[str]:
        """Yield why decoding cannot be fitted to sentences that were neither trained on nor tested."""
        if self.decode is None or self.decode.fit is None:
            return
        leaks = self.leaks()
        for name, test in self.tests.items():
            chain = self.chain(test.of)
            if not chain:
                yield (
                    f"decode.fit: tests.{name} tests no stage of this file, so that no sentences are "
                    "held out; give values, which gner tune finds"
                )
            elif self.stages[chain[-1]].choose.kind == "last":
                yield (
                    f"decode.fit: stages.{chain[-1]}.choose: last holds no sentences out to fit "
                    "decoding to; set {kind: held_out, …}"
                )
            elif chain[-1] in leaks:
                yield f"decode.fit: stages.{chain[-1]}.choose.data: {leaks[chain[-1]]}"

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
