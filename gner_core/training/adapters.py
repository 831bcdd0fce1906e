"""LoRA (Hu et al., 2021): small matrices are trained, and the weights to which they add are frozen.

A checkpoint of an unfinished training holds the adapters only. The published model has them merged
into its weights, so the package peft is needed for training only.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from gner_core.backbones.quiet import without_progress_bars
from gner_core.config.training import LoraParams
from gner_core.errors import InputError

ADAPTERS = "adapters.safetensors"
NAME = "default"  # peft's name of a model's only adapter
MARK, BASE = ".lora_", ".base_layer."
Tensors = dict[str, torch.Tensor]


def add_adapters(model: PreTrainedModel, lora: LoraParams, *, checkpoint: Path | None) -> None:
    """Freeze a model and put adapters into it: new ones, or those of a checkpoint.

    Raises:
        InputError: where peft is missing, or the model has no such layers.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise InputError("train.lora needs the extra lora: pip install 'gner[lora]'") from None
    linear = {
        name.rsplit(".", 1)[-1]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    }
    if unknown := sorted(set(lora.target_modules) - linear):
        raise InputError(
            f"train.lora.target_modules: {', '.join(unknown)}: no such linear layers; "
            f"there are: {', '.join(sorted(linear))}"
        )
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.target_modules),
        bias="none",
    )
    inject_adapter_in_model(config, model, adapter_name=NAME)
    if checkpoint is not None:
        model.load_state_dict(load_file(checkpoint / ADAPTERS), strict=False)


def has_adapters(model: PreTrainedModel) -> bool:
    """Say whether adapters were put into a model."""
    return any(MARK in name for name, _ in model.named_parameters())


@without_progress_bars()
def save_for_resume(model: PreTrainedModel, folder: Path, *, weights: Tensors | None) -> None:
    """Write the weights from which a training resumes: all, or the adapters only.

    `weights` are those of the model in full; None where the model itself has them.
    """
    if not has_adapters(model):
        model.save_pretrained(folder, state_dict=weights)
        return
    named = model.state_dict() if weights is None else weights
    save_file({name: value for name, value in named.items() if MARK in name}, folder / ADAPTERS)


@without_progress_bars()
def save_published(model: PreTrainedModel, folder: Path, *, weights: Tensors | None) -> None:
    """Write a model with its adapters merged; the model in training does not change."""
    if has_adapters(model):
        weights = _merged(model, model.state_dict() if weights is None else weights)
    model.save_pretrained(folder, state_dict=weights)


@torch.no_grad()
def _merged(model: PreTrainedModel, weights: Tensors) -> Tensors:
    """Return the weights of the model without adapters, by its own names."""
    scaling: dict[str, Any] = {
        name: module.scaling[NAME]
        for name, module in model.named_modules()
        if hasattr(module, "lora_A")
    }
    plain: Tensors = {}
    for name, value in weights.items():
        if MARK in name:
            continue
        layer, base, rest = name.partition(BASE)
        if base and rest == "weight":
            down, up = (weights[f"{layer}.lora_{part}.{NAME}.weight"] for part in "AB")
            plain[f"{layer}.{rest}"] = value + scaling[layer] * (up @ down)
        else:
            plain[f"{layer}.{rest}" if base else name] = value
    return plain
