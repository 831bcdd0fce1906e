"""Folders of tiny models as others publish them: pickled shards, bfloat16, no padding token."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file

from tests.gner_core.conftest import TinyModel

WEIGHTS = "model.safetensors"
SYSTEM = {"kind": "gner", "labels": "BIO", "context": "full", "gap": ""}


def foreign_copy(model: TinyModel, folder: Path, *, shards: int = 0) -> Path:
    """A copy of a model in bfloat16 without its gner.json and its padding token.

    Args:
        shards: pickled files, with an index where there are several; 0 keeps safetensors.
    """
    shutil.copytree(model.folder, folder, ignore=shutil.ignore_patterns("gner.json"))
    change_json(folder / "tokenizer_config.json", pad_token=None)
    change_json(folder / "config.json", pad_token_id=None, dtype="bfloat16")
    weights = {name: one.to(torch.bfloat16) for name, one in load_file(folder / WEIGHTS).items()}
    if not shards:
        return folder
    (folder / WEIGHTS).unlink()
    names = sorted(weights)
    files = {}
    for number in range(shards):
        file = f"pytorch_model-{number + 1:05d}-of-{shards:05d}.bin"
        file = file if shards > 1 else "pytorch_model.bin"
        part = names[number::shards]
        torch.save({name: weights[name] for name in part}, folder / file)
        files |= dict.fromkeys(part, file)
    if shards > 1:
        index = {"metadata": {}, "weight_map": files}
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    return folder


def change_json(file: Path, **values: Any) -> None:
    """Set values in a JSON file; None takes one out."""
    changed = {**json.loads(file.read_text()), **values}
    file.write_text(json.dumps({name: one for name, one in changed.items() if one is not None}))


def models_file(model: TinyModel, file: Path, **fields: Any) -> Path:
    """Write a models file for copies of a model; None takes a field out."""
    values = {
        **model.backbone.model_dump(mode="json", exclude={"shape", "source"}),
        "source": {"kind": "hub", "repo": "us/tiny", "revision": "unverified"},
        "system": SYSTEM,
        **fields,
    }
    file.write_text(yaml.safe_dump({k: v for k, v in values.items() if v is not None}))
    return file
