"""The floating-point operations of a training, and the most that a device can do.

Only useful work counts: the matrix products of every token of prompts and targets, logits of label
tokens, and attention to the tokens that each token may see. Padding does not count, and a prefix
that several sentences share counts once.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from transformers import PreTrainedModel

from gner_core.backbones.load import device

SECONDS = 1.0
SIZE_ON_CPU, SIZE_ON_GPU = 2048, 8192


@dataclass(frozen=True, slots=True)
class ModelWork:
    """Operations of a weight update, per token of each kind."""

    source: float
    """Per prompt token: for encoder-decoders the encoder, and cross-attention's keys and values."""
    target: float
    """Per target token: the decoder; for decoder-only the same as `source`."""
    label: float
    """Per label token: the output layer."""
    seen: float
    """Per pair of a token and one that it attends to, over all layers of a stack."""
    encoder_decoder: bool

    @classmethod
    def of(cls, model: PreTrainedModel) -> "ModelWork":
        """Count the matrix products of a model; frozen weights need no gradient of their own."""
        config = model.config
        encoder_decoder = bool(config.is_encoder_decoder)
        costs = {"source": 0.0, "target": 0.0, "label": 0.0}
        with_gradient = _blocks_with_gradient(model)
        for name, module in model.named_modules():
            if not isinstance(module, torch.nn.Linear):
                continue
            backward = 2 if _block(name) in with_gradient else 0
            own = 2 if module.weight.requires_grad else 0
            costs[_kind(name, encoder_decoder)] += module.weight.numel() * (2 + backward + own)
        if not encoder_decoder:
            costs["source"] = costs["target"]
        heads = config.num_attention_heads
        width = heads * (getattr(config, "head_dim", None) or getattr(config, "d_kv", 0))
        width = width or config.hidden_size
        layers = config.num_hidden_layers
        frozen = 1 - len([name for name in with_gradient if _is_of_main_stack(name)]) / layers
        seen = 2 * 2 * width * layers * (3 - 2 * frozen)  # two products; twice again backwards
        return cls(**costs, seen=seen, encoder_decoder=encoder_decoder)

    def flops(self, pairs: Sequence[tuple[int, int]], *, shared: int) -> float:
        """Return the operations of a micro-batch of sentences.

        Args:
            pairs: tokens of prompt and target of each sentence.
            shared: first tokens of the prompts that are computed once for all.
        """
        total = 0.0
        for source, target in pairs:
            total += self.label * target
            if self.encoder_decoder:
                total += self.source * source + self.target * target
                total += self.seen * (source * source + target * target / 2 + source * target)
            else:
                own = source - shared + target
                total += self.target * own + self.seen * own * (shared + own / 2)
        return total + self.target * shared + self.seen * shared * shared / 2


def matmul_peak(*, dtype: Literal["float32", "bfloat16"]) -> float:
    """Return the operations per second of large matrix products, the best within a second."""
    on = device()
    size = SIZE_ON_CPU if on.type == "cpu" else SIZE_ON_GPU
    a = torch.randn(size, size, device=on, dtype=getattr(torch, dtype))
    b = torch.randn_like(a)
    best, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        settle()
        started = time.perf_counter()
        torch.mm(a, b)
        settle()
        best = min(best, time.perf_counter() - started)
    return 2.0 * size**3 / best


def settle() -> None:
    """Wait until a GPU has finished its queued work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _kind(name: str, encoder_decoder: bool) -> str:
    if _block(name) == "":
        return "label"
    if not encoder_decoder:
        return "target"
    reads_prompt = ".EncDecAttention.k" in name or ".EncDecAttention.v" in name
    return "source" if name.startswith("encoder.") or reads_prompt else "target"


def _blocks_with_gradient(model: PreTrainedModel) -> set[str]:
    """Return the layers through which gradients flow; "" stands for the output layer.

    Frozen layers are the lowest ones, so gradients stop above them, except in an encoder-decoder's
    decoder, which passes gradients on to the encoder.
    """
    blocks = {""}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad or (model.config.is_encoder_decoder and "decoder" in name):
            blocks.add(_block(name))
    return blocks


def _block(name: str) -> str:
    """Return the name of a module's layer: `encoder.block.0`, or "" outside the layers."""
    parts = name.split(".")
    number = next((at for at, part in enumerate(parts) if part.isdigit()), -1)
    return ".".join(parts[: number + 1])


def _is_of_main_stack(block: str) -> bool:
    return bool(block) and not block.startswith("decoder.")
