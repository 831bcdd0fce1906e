"""Converts pickled weights (`pytorch_model*.bin`) to safetensors.

A pickle may hold code. Only tensors are read, by torch's restricted reader; anything else is refused.
Every shard is converted alone, so that memory holds one of them at a time.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from gner_core.errors import InputError, first_line
from gner_core.hub import PICKLED_INDEX, pickled_names
from gner_core.runtime.files import write_json

INDEX = "model.safetensors.index.json"


def convert_pickles(source: Path, folder: Path) -> None:
    """Write the weights of the pickles in `source` into `folder`, with an index of several shards.

    Raises:
        InputError: when there are none, one is missing, damaged, or holds more than tensors.
    """
    names = pickled_names(source)
    missing = [name for name in names if not (source / name).is_file()]
    if missing and not (source / PICKLED_INDEX).is_file():
        raise InputError(
            f"{source}: no weights, neither *.safetensors nor {missing[0]}; save the model with "
            "save_pretrained"
        )
    if missing:
        raise InputError(f"{source}: lacks the weights {', '.join(missing)}; get the files")
    weight_map: dict[str, str] = {}
    total = 0
    for name in names:
        weights = _read(source / name)
        shard = f"{name.removesuffix('.bin').replace('pytorch_model', 'model')}.safetensors"
        save_file(weights, folder / shard, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(weights, shard)
        total += sum(one.numel() * one.element_size() for one in weights.values())
    if len(names) > 1:
        index = {"metadata": {"total_size": total}, "weight_map": weight_map}
        write_json(folder / INDEX, index)


def _read(file: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a file, each with memory of its own: safetensors knows no shared ones."""
    try:
        found: Any = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever the file holds, its fault is one line
        first = first_line(error)
        raise InputError(
            f"{file}: not read: damaged, or more than weights ({first[:120]}); get the file again, or "
            "its safetensors"
        ) from error
    if not isinstance(found, Mapping) or not all(
        isinstance(name, str) and isinstance(one, torch.Tensor) for name, one in found.items()
    ):
        raise InputError(f"{file}: holds more than named weights; get the model's own weights")
    seen: set[int] = set()
    return {name: _own(one, seen) for name, one in found.items()}


def _own(weight: torch.Tensor, seen: set[int]) -> torch.Tensor:
    """Return a weight whose memory no earlier one has."""
    at = weight.untyped_storage().data_ptr()
    whole = weight.is_contiguous() and weight.untyped_storage().nbytes() == weight.nbytes
    if whole and at not in seen:
        seen.add(at)
        return weight
    return weight.contiguous().clone()
