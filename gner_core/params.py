"""The models of everything that an experiment file may hold: frozen, typed, nothing extra.

Owns names, units, ranges and cross-checks, except those of a backbone (`gner_core.backbone_params`),
of a corpus (`gner_core.corpus_params`) and of `execution` (`gner_core.execution_params`).
Does not own where values come from: files, includes and overrides are read by
`gner_core.experiment_file`; values live in `params/`.

A field here changes the result and enters the keys of the steps that it touches, with one
exception: everything below `execution` says only how the work is done and enters no key.

Example:
    >>> TrainParams(epochs=1, global_batch=8, length_window=1, learning_rate=1e-4, schedule="constant",
    ...             warmup_share=0.0, weight_decay=0.0, max_grad_norm=1.0, too_long="drop",
    ...             external_types="all", frozen_layers=0, seed=1).global_batch
    8
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gner_core.backbone_params import BackboneParams
from gner_core.corpus_params import CorpusParams, Model, Split
from gner_core.execution_params import ExecutionParams

Share = Annotated[float, Field(ge=0.0, le=1.0)]


# ---------------------------------------------------------------- training, decoding, matching


class LoraParams(Model):
    """Adapters that are trained instead of the weights (Hu et al., 2021)."""

    rank: int = Field(ge=1)
    """Width of the two matrices of an adapter."""
    alpha: float = Field(gt=0)
    """What an adapter adds is scaled by alpha / rank."""
    dropout: float = Field(ge=0, lt=1)
    """Dropout before an adapter."""
    target_modules: tuple[str, ...] = Field(min_length=1)
    """Linear layers that get one, by the end of their names: q, v of T5; q_proj, v_proj of LLaMA."""


class TrainParams(Model):
    """One training stage; Appendix B of the paper has its values."""

    epochs: int = Field(ge=1)
    """Passes over the sampled sentences; type order and external types are drawn anew in each."""
    global_batch: int = Field(ge=1)
    """Sentences per weight update, over all devices and accumulation steps."""
    length_window: int = Field(ge=1)
    """Global batches whose sentences are grouped by length together; 1 leaves them random."""
    learning_rate: float = Field(gt=0)
    """Peak learning rate of AdamW."""
    schedule: Literal["constant", "linear", "cosine"]
    """Course of the learning rate after the warm-up."""
    warmup_share: Share
    """Share of the updates in which the rate climbs from 0."""
    weight_decay: float = Field(ge=0)
    """AdamW's weight decay."""
    max_grad_norm: float = Field(gt=0)
    """Gradients are scaled down to this norm."""
    too_long: Literal["drop", "error"]
    """What happens to sentences over the backbone's limits: left out and counted, or an error."""
    external_types: float | Literal["all"]
    """External entity sampling (§4.2): absent types per present one, or all of a closed corpus."""
    frozen_layers: int = Field(ge=0)
    """Lowest layers of each stack that stay as they are, with the embeddings; 0 trains all."""
    lora: LoraParams | None = None
    """Train adapters and leave all weights as they are; null trains the weights (the paper)."""
    seed: int
    """Seed of the order of sentences, of type shuffling and of external types."""

    @model_validator(mode="after")
    def _external_is_positive(self) -> "TrainParams":
        if self.external_types != "all" and self.external_types < 0:
            raise ValueError("external_types must be at least 0, or all")
        return self

    @model_validator(mode="after")
    def _adapters_freeze_everything(self) -> "TrainParams":
        if self.lora is not None and self.frozen_layers:
            raise ValueError("lora leaves all layers as they are; set frozen_layers: 0")
        return self


class SampleParams(Model):
    """Which sentences of which corpora."""

    corpora: tuple[str, ...] = Field(min_length=1)
    """Names from the experiment's `corpora`."""
    split: Split
    """Which split to draw from."""
    per_corpus: int = Field(ge=1)
    """At most this many sentences of each corpus (the paper: 10,000)."""
    method: Literal["random", "first"]
    """Seeded random draw (the paper), or the first ones (the published code)."""
    seed: int
    """Seed of the draw."""

    @model_validator(mode="after")
    def _named_once(self) -> "SampleParams":
        if len(set(self.corpora)) != len(self.corpora):
            raise ValueError("corpora names one corpus twice")
        return self


def known_sample(place: str, sample: SampleParams, corpora: Mapping[str, CorpusParams]) -> None:
    """Refuse a sample whose corpora the catalog does not hold, or not with its split.

    Args:
        place: key path of the sample, for the message.

    Raises:
        ValueError: which pydantic turns into a fault of the file.
    """
    for name in sample.corpora:
        if name not in corpora:
            known = ", ".join(sorted(corpora))
            raise ValueError(f"{place}.corpora names {name!r}; known: {known}")
        if sample.split not in corpora[name].splits:
            splits = ", ".join(corpora[name].splits)
            raise ValueError(f"{place}: {name} has no split {sample.split!r}, only {splits}")


class ChooseLast(Model):
    """Publish the weights of the last update."""

    kind: Literal["last"]


Interval = Annotated[int, Field(ge=1)] | Literal["epoch"]


class ChooseHeldOut(Model):
    """Publish the weights with the lowest loss on training sentences that are not trained on."""

    kind: Literal["held_out"]
    sentences: int = Field(ge=1)
    """How many are taken out of the stage's sentences."""
    seed: int
    """Seed of the draw."""
    every: Interval
    """Weight updates between two looks at the loss, or at the end of each epoch; and at the end."""


class ChooseOnSample(Model):
    """Publish the weights with the lowest loss on sentences of a sample, asked for all its types.

    The published code does so on 200 validation sentences of each zero-shot corpus (by F1 of
    generated texts): the report then says that the choice leaks.
    """

    kind: Literal["sample"]
    data: SampleParams
    """Never a split of a corpus on which the experiment is tested."""
    every: Interval
    """As for held_out."""


Choice = Annotated[ChooseLast | ChooseHeldOut | ChooseOnSample, Field(discriminator="kind")]


class StageParams(Model):
    """A training stage: its sentences, its recipe, and which of its weights are published."""

    data: SampleParams
    train: TrainParams
    choose: Choice


class DecodeParams(Model):
    """How text is generated."""

    mode: Literal["free", "guided"]
    """free: token by token, as in the paper; guided: the words are given, only labels are decided."""
    beams: int = Field(ge=1, le=16)
    """Beam size (the paper: 1 to 4). Guided beams are labelings, free ones are texts."""
    too_long: Literal["skip", "error"]
    """What happens to sentences over the backbone's limits: skipped and counted, or an error."""
    seed: int
    """Seed of the order in which entity types stand in the prompt."""


class TargetForm(Model):
    """What the model learns to write (Fig. 3)."""

    labels: Literal["BIO", "BIOES", "brackets"]
    """A tag behind every word, or only entities marked: [New York](location)."""
    context: int | Literal["full"]
    """Words kept around each entity (Fig. 4); 0 keeps entities alone."""
    gap: str
    """What stands for left-out words between two kept pieces; "" writes nothing."""

    @model_validator(mode="after")
    def _context_counts_words(self) -> "TargetForm":
        if isinstance(self.context, int) and self.context < 0:
            raise ValueError("context must be at least 0, or full")
        return self


class MatchParams(Model):
    """How generated text becomes the tags of a sentence."""

    mode: Literal["gner", "paper", "position", "text"]
    """gner: ties and repairs follow the context; paper: §4.3 and Appendix D with the tie rules of
    the published code; position and text: Table 6 without LCS, by position or entities as written."""
    back_tokenization: bool
    """Compare with source words as the tokenizer gives them back (Table 6: w/o BT)."""

    @model_validator(mode="after")
    def _only_alignment_compares(self) -> "MatchParams":
        if self.mode in ("position", "text") and self.back_tokenization:
            raise ValueError(f"mode {self.mode} compares no words; set back_tokenization: false")
        return self


class ReportParams(Model):
    """What the report shows."""

    examples: int = Field(ge=0, le=200)
    """Example sentences with gold and predicted entities."""


class Experiment(Model):
    """A whole experiment file: the input of the flow `gner`."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Lower-case name with dashes; names runs and reports."""
    data_root: str
    """Folder of the corpus files: relative to the working directory, absolute, "package" for the
    demo corpora that come with gner, or "cache": fetched into the home folder where need be."""
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
    """Held-out sentences of the corpora of the second stage; null without one."""
    baseline: bool
    """Also test the untrained backbone on the supervised test sentences."""
    target: TargetForm
    decode: DecodeParams
    match: MatchParams
    report: ReportParams
    execution: ExecutionParams

    @model_validator(mode="after")
    def _samples_name_known_corpora(self) -> "Experiment":
        for place, sample in self.samples().items():
            known_sample(place, sample, self.corpora)
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
        """Return the samples on which checkpoints are tested, by the key at which they stand."""
        second = {"supervised": self.supervised} if self.supervised else {}
        return {"zero_shot": self.zero_shot, **second}

    def evaluations(self) -> tuple[str, ...]:
        """Return the titles of the evaluations in their order."""
        first = ("baseline",) if self.baseline else ()
        return (*first, "zero-shot", *(("supervised",) if self.supervised else ()))

    def validation(self) -> dict[str, SampleParams]:
        """Return the sample by which weights are chosen, of each stage that has one."""
        choices = {title: stage.choose for title, stage in self.stages().items()}
        return {title: c.data for title, c in choices.items() if isinstance(c, ChooseOnSample)}

    def samples(self) -> dict[str, SampleParams]:
        """Return every sample of the experiment by the key path at which it stands."""
        first = {"adaptation.data": self.adaptation.data, "zero_shot": self.zero_shot}
        second = {}
        if self.finetuning and self.supervised:
            second = {"finetuning.data": self.finetuning.data, "supervised": self.supervised}
        chosen_on = {f"{title}.choose.data": data for title, data in self.validation().items()}
        return {**first, **second, **chosen_on}

    def leaks(self) -> dict[str, str]:
        """Return per stage how the choice of its weights has seen what it is tested on."""
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
