"""What a training computes, in floating-point operations, and what a device can compute at most.

Counted is what the model needs: the matrix products of every token of prompts and targets once,
logits for label tokens only, attention over what each token may see. Padding counts for nothing,
nor does a prefix that several sentences share count more than once, so a utilisation says how
much of the device does useful work.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from transformers import PreTrainedModel

from gner_core.backbones.load import device
from gner_core.config.reading.costs import named_device

SECONDS = 1.0
SIZE_ON_CPU, SIZE_ON_GPU = 2048, 8192


@dataclass(frozen=True, slots=True)
class ModelWork:
    """Operations of a weight update, per token of each kind."""

    source: float
    """Per prompt token: for encoder-decoders the encoder, and keys and values of the prompt."""
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
        moved = _blocks_with_gradient(model)
        for name, module in model.named_modules():
            if not isinstance(module, torch.nn.Linear):
                continue
            backward = 2 if _block(name) in moved else 0
            own = 2 if module.weight.requires_grad else 0
            costs[_kind(name, encoder_decoder)] += module.weight.numel() * (2 + backward + own)
        if not encoder_decoder:
            costs["source"] = costs["target"]
        heads = config.num_attention_heads
        width = heads * (getattr(config, "head_dim", None) or getattr(config, "d_kv", 0))
        width = width or config.hidden_size
        layers = config.num_hidden_layers
        frozen = 1 - len([name for name in moved if _is_of_main_stack(name)]) / layers
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
    """Return the operations a second of large matrix products, the best of about a second."""
    where = device()
    size = SIZE_ON_CPU if where.type == "cpu" else SIZE_ON_GPU
    a = torch.randn(size, size, device=where, dtype=getattr(torch, dtype))
    b = torch.randn_like(a)
    best, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        settle()
        started = time.perf_counter()
        torch.mm(a, b)
        settle()
        best = min(best, time.perf_counter() - started)
    return 2.0 * size**3 / best


def named_peak(name: str, *, dtype: Literal["float32", "bfloat16"]) -> float:
    """Return the peak of a device by its name.

    Raises:
        InputError: for a device without a profile in params/devices/.
    """
    return named_device(name).flops[dtype]


def settle() -> None:
    """Wait until a GPU has done what it was asked for."""
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

    Frozen layers are the lowest: nothing below them is trained, but in a decoder, whose lowest
    layers pass gradients on to the encoder.
    """
    moved = {""}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad or (model.config.is_encoder_decoder and "decoder" in name):
            moved.add(_block(name))
    return moved


def _block(name: str) -> str:
    """Return the name of the layer in which a module stands: `encoder.block.0`, or ""."""
    parts = name.split(".")
    places = [at for at, part in enumerate(parts) if part.isdigit()]
    return ".".join(parts[: places[0] + 1]) if places else ""


def _is_of_main_stack(block: str) -> bool:
    return bool(block) and not block.startswith("decoder.")
