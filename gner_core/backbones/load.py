"""Loads tokenizer and model from a folder of safetensors weights, with clear errors."""

import resource
from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    DynamicCache,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from gner_core.config.backbone import BackboneParams
from gner_core.errors import InputError


def device() -> torch.device:
    """Return the accelerator where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def peak_memory_bytes() -> int:
    """Return the peak of GPU memory, or of this process' memory where there is no GPU."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load a tokenizer; one without a padding token pads with its end token.

    Raises:
        InputError: when the folder holds no usable tokenizer.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: no usable tokenizer: {_first_line(error)}") from None
    if tokenizer.eos_token_id is None:
        raise InputError(f"{folder}: the tokenizer names no end token (eos_token)")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(
    folder: Path, backbone: BackboneParams, *, dtype: str, attention: str | None = None
) -> PreTrainedModel:
    """Load a model of the backbone's family.

    Args:
        attention: transformers' name of the implementation; None lets it choose.

    Raises:
        InputError: when weights are missing, damaged or of another architecture.
    """
    auto = AutoModelForSeq2SeqLM if backbone.family == "encoder_decoder" else AutoModelForCausalLM
    try:
        model, report = auto.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            output_loading_info=True,
            **({"attn_implementation": attention} if attention else {}),
        )
    except Exception as error:  # every fault of a foreign file ends here, as one clear line
        raise InputError(f"{folder}: cannot load {backbone.name}: {_first_line(error)}") from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise InputError(f"{folder}: weights are missing: {', '.join(missing[:3])} …")
    return model


def load_for_inference(
    folder: Path, backbone: BackboneParams, *, attention: str | None = None
) -> PreTrainedModel:
    """Load a model onto the accelerator in the backbone's number format, or onto a CPU in float32.

    Arguments and errors are those of `load_model`.
    """
    dtype = backbone.dtype if torch.cuda.is_available() else "float32"
    return load_model(folder, backbone, dtype=dtype, attention=attention).to(device())


def prefix_cache(model: PreTrainedModel, prefix: torch.Tensor) -> DynamicCache:
    """Return the keys and values that a decoder-only model computes for a prefix, (1, tokens)."""
    cache = DynamicCache(config=model.config)
    model.base_model(input_ids=prefix, past_key_values=cache, use_cache=True)
    return cache


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an exception means that a device has no memory left."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
