"""Params of a training stage."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gner_core.config.sample import SampleParams
from gner_core.strict import StrictModel

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""What NumPy and torch both take."""


class LoraParams(StrictModel):
    """Adapters that are trained instead of the weights (Hu et al., 2021)."""

    rank: int = Field(ge=1)
    """Width of the two matrices of an adapter."""
    alpha: float = Field(gt=0)
    """What an adapter adds is scaled by alpha / rank."""
    dropout: float = Field(ge=0, lt=1)
    """Dropout before an adapter."""
    target_modules: tuple[str, ...] = Field(min_length=1)
    """Linear layers that get one, by the end of their names: q, v of T5; q_proj, v_proj of LLaMA."""


class TrainParams(StrictModel):
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
    """Shape of the learning rate after the warm-up."""
    warmup_share: Share
    """Share of the updates in which the rate climbs from 0."""
    weight_decay: float = Field(ge=0)
    """AdamW's weight decay."""
    max_grad_norm: float = Field(gt=0)
    """Gradients are scaled down to this norm."""
    too_long: Literal["drop", "error"]
    """What happens to sentences over the backbone's limits: left out and counted, or an error."""
    external_types: Annotated[float, Field(ge=0)] | Literal["all"]
    """External entity sampling (§4.2): absent types per present one, or all of a closed corpus."""
    type_order: Literal["shuffled", "alphabetical"] = Field(
        default="shuffled", exclude_if=lambda order: order == "shuffled"
    )
    """Order of the types in a prompt: drawn anew for every sentence and epoch (§4.2), or always
    alphabetical."""
    frozen_layers: int = Field(ge=0)
    """Lowest layers of each stack that are frozen, with the embeddings; 0 trains all."""
    lora: LoraParams | None
    """Train adapters and freeze all weights; null trains the weights (the paper)."""
    seed: Seed
    """Seed of the order of sentences, of type shuffling and of external types."""

    @model_validator(mode="after")
    def _adapters_freeze_everything(self) -> "TrainParams":
        if self.lora is not None and self.frozen_layers:
            raise ValueError("lora leaves all layers as they are; set frozen_layers: 0")
        return self


class ChooseLast(StrictModel):
    """Publish the weights of the last update."""

    kind: Literal["last"]


Interval = Annotated[int, Field(ge=1)] | Literal["epoch"]


class ChooseHeldOut(StrictModel):
    """Publish the weights with the lowest loss on training sentences that are not trained on."""

    kind: Literal["held_out"]
    sentences: int = Field(ge=1)
    """How many of the stage's sentences are held out."""
    seed: Seed
    """Seed of the draw."""
    every: Interval
    """Weight updates between two validation steps, or each epoch; always at the end as well."""


class ChooseOnSample(StrictModel):
    """Publish the weights with the lowest loss on the sentences of a sample, prompted with all types.

    The published code does so on 200 validation sentences of each corpus of its first test (by F1
    of generated texts); the report then states a leak.
    """

    kind: Literal["sample"]
    data: SampleParams
    """Never a split of a corpus on which the experiment is tested."""
    every: Interval
    """As for held_out."""


Choice = Annotated[ChooseLast | ChooseHeldOut | ChooseOnSample, Field(discriminator="kind")]


class HubCheckpoint(StrictModel):
    """A checkpoint on the Hugging Face hub (or a mirror named by HF_ENDPOINT)."""

    hub: str
    """Its repository."""
    revision: str = Field(min_length=7)
    """Commit hash; a branch name would let the weights change under the same name."""


class StoredCheckpoint(StrictModel):
    """A checkpoint that was trained before; its gner.json or its models file says what it is."""

    checkpoint: str | HubCheckpoint
    """A step of the store such as train/KEY, a folder, a repository of the hub, or a models file."""
    about: str | dict[str, Any] | None = Field(default=None, exclude_if=lambda about: about is None)
    """What a foreign checkpoint is: a models file, whose source does not count, or fields of one
    that go over those of the checkpoint's own. Null, or left out, where a file says it."""


BACKBONE = "backbone"
"""Names the untrained model where a stage could be named."""
SYSTEM = "system"
"""Names the system where it answers without a model of ours: an endpoint."""
Origin = str | StoredCheckpoint
"""The backbone, a stage by its name, a stored checkpoint, or the system."""


class StageParams(StrictModel):
    """A training stage: where it starts, its sentences, its recipe, which weights it publishes."""

    origin: Origin = Field(alias="from")
    """The weights that it starts from."""
    data: SampleParams
    train: TrainParams
    choose: Choice
