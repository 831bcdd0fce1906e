"""How the work of an experiment is done. Nothing here enters a key.

Results differ by no more than rounding.
"""

from typing import Annotated, Literal

from pydantic import Field

from gner_core.config.systems.chat import ChatExecution
from gner_core.strict import StrictModel


class PlainLauncher(StrictModel):
    """Training in one process, on one device."""

    kind: Literal["plain"] = "plain"


class TorchrunLauncher(StrictModel):
    """Training on several devices of this machine, each with the whole model."""

    kind: Literal["torchrun"]
    processes: int = Field(ge=1)
    """One per GPU; on a CPU they talk through gloo."""


class DeepspeedLauncher(StrictModel):
    """Training with ZeRO, which spreads optimizer, gradients and weights over the devices."""

    kind: Literal["deepspeed"]
    processes: int = Field(ge=1)
    """Processes on this machine; a hostfile says its own numbers."""
    config: str
    """DeepSpeed's JSON file, relative to the working directory: see params/deepspeed/."""
    hostfile: str | None = None
    """DeepSpeed's list of machines, which share the folder of GNER_HOME; null for this one alone."""


Launcher = Annotated[
    PlainLauncher | TorchrunLauncher | DeepspeedLauncher, Field(discriminator="kind")
]
Attention = Literal["eager", "sdpa", "flash_attention_2"]


class ExecutionParams(StrictModel):
    """How the work is done."""

    train_batch: Annotated[int, Field(ge=1)] | Literal["auto"]
    """Sentences per device and forward pass in training; gradients accumulate up to global_batch.
    auto: as many as the device's memory should hold. Halved when memory runs out."""
    generate_batch: int = Field(ge=1)
    """Sentences per batch of a generation, at most; one counts for each order of its types."""
    generate_tokens: int = Field(ge=1)
    """Tokens of prompts and longest answers per batch, at most: of long sentences it holds fewer."""
    generate_processes: int = Field(ge=1)
    """Processes that share a generation: one per GPU, or some on a CPU."""
    checkpoint_every: int = Field(ge=1)
    """Weight updates between two training checkpoints."""
    keep_checkpoints: int = Field(ge=1)
    """Unfinished training keeps this many checkpoints."""
    parallel_workers: int = Field(ge=1)
    """Child processes (import, training, generation) that may run at the same time."""
    threads: int | None = Field(ge=1, le=4096)
    """CPU threads of a worker; null leaves the choice to torch."""
    launcher: Launcher
    """How training processes are started."""
    diverged_factor: float = Field(gt=1)
    """Training stops when the mean loss of 20 updates is this many times the lowest such mean."""
    gradient_checkpointing: bool
    """Compute activations again in the backward pass: less memory, about a third more time."""
    torch_compile: bool
    """Compile the model with torch.compile."""
    exact: bool
    """Compute in float32, also where the backbone allows bfloat16: results are then the same, up to
    rounding, on all machines."""
    attention: Attention | None
    """Implementation of attention in training; null lets transformers choose."""
    chat: ChatExecution
    """How an endpoint is asked, where the system is one."""
