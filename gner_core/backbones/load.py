"""Loads tokenizer and model from a folder of safetensors weights, and checks that they are whole."""

import logging
import resource
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    DynamicCache,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from gner_core.backbones.number_format import number_format
from gner_core.config.backbone import BackboneParams
from gner_core.errors import InputError, first_line
from gner_core.hub import shards_of
from gner_core.strict import JSON

CONFIG, TOKENIZER, TOKENIZER_CONFIG = "config.json", "tokenizer.json", "tokenizer_config.json"
TOKENIZERS = (TOKENIZER, "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")
"""Files of which a tokenizer has at least one."""
TRIAL = "John(B-person) flew(O) to(O) New York."
"""What every tokenizer of a model that writes text must give back."""
NAMED = 3
"""Weights that a message names."""
logging.getLogger("transformers.modeling_utils").addFilter(
    lambda record: "LOAD REPORT" not in record.getMessage()
)  # its table of faults: our errors name them in a line


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
        InputError: when the folder holds no usable tokenizer, one with more tokens than the
            model, or one that loses text, as by lower case.
    """
    known = _vocabulary(folder) if (folder / CONFIG).is_file() else None
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except Exception as error:  # of a file that it does not know, the library raises no more
        raise InputError(f"{folder}: no usable tokenizer: {_unusable(folder, error)}") from error
    if tokenizer.eos_token_id is None:
        raise InputError(f"{folder}: the tokenizer names no end token (eos_token)")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    highest = max(tokenizer.get_vocab().values(), default=-1)
    if known is not None and highest >= known:
        raise InputError(
            f"{folder}: the tokenizer has {highest + 1:,} tokens, the model only {known:,}; "
            "take the tokenizer with which it was trained"
        )
    _try(tokenizer, folder)
    return tokenizer


def _unusable(folder: Path, error: Exception) -> str:
    """Return why a tokenizer cannot be used, also where the library's error does not help."""
    if not any((folder / name).is_file() for name in TOKENIZERS):
        return f"none of {', '.join(TOKENIZERS)} is there; copy its files from where the model is"
    for name in (TOKENIZER, TOKENIZER_CONFIG):
        file = folder / name
        if not file.is_file():
            continue
        try:
            found = JSON.decode(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as fault:
            return f"{name} cannot be read ({fault}); get it again"
        if not isinstance(found, dict) or (name == TOKENIZER and "model" not in found):
            return f"{name} holds no tokenizer; get it again"
    return (
        f"{first_line(error)}; get its files again, or, if a newer version of tokenizers wrote "
        "them, install that one"
    )


def _try(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Refuse a tokenizer that fails, or loses more than blanks."""
    try:
        ids = tokenizer(TRIAL, add_special_tokens=False)["input_ids"]
        given = str(tokenizer.decode(ids, skip_special_tokens=True))
    except Exception as error:  # the library has no class for what its tokenizers raise
        raise InputError(
            f"{folder}: the tokenizer cannot encode {TRIAL!r} ({first_line(error)}); take the one "
            "with which the model was trained"
        ) from error
    if "".join(given.split()) != "".join(TRIAL.split()):
        raise InputError(
            f"{folder}: the tokenizer loses text: it gives {TRIAL!r} back as {given!r}; take a "
            "backbone whose tokenizer keeps brackets and upper case"
        )


def _vocabulary(folder: Path) -> int | None:
    """Return how many tokens a model knows, where its configuration says so."""
    try:
        config = AutoConfig.from_pretrained(folder)
    except Exception as error:
        raise InputError(
            f"{folder}: no usable {CONFIG}: {first_line(error)}; get it again"
        ) from error
    found: int | None = getattr(config.get_text_config(), "vocab_size", None)
    return found


def load_model(
    folder: Path, backbone: BackboneParams, *, dtype: str, attention: str | None = None
) -> PreTrainedModel:
    """Load a model of the backbone's family.

    Args:
        attention: transformers' name of the implementation; None lets it choose.

    Raises:
        InputError: when weights are missing, damaged, not numbers, of another size than the
            configuration says or of another architecture, or have no place in the model.
    """
    auto = AutoModelForSeq2SeqLM if backbone.family == "encoder_decoder" else AutoModelForCausalLM
    try:
        model, report = auto.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused below, by name
            **({"attn_implementation": attention} if attention else {}),
        )
    except Exception as error:  # every fault of a foreign file ends here, as one clear line
        refuse_broken_weights(folder)
        raise InputError(f"{folder}: cannot load {backbone.name}: {first_line(error)}") from error
    _refuse_faulty(folder, model, report)
    if backbone.family == "encoder_decoder":
        _refuse_unknown_start(folder, model)
    return model


def refuse_broken_weights(folder: Path) -> None:
    """Open every weights file, which checks its size against its header; check for all shards.

    Raises:
        InputError: with the file that is broken or missing.
    """
    files = list(folder.glob("*.safetensors"))
    for file in files:
        try:
            with safe_open(file, framework="pt"):
                pass
        except (SafetensorError, OSError) as error:
            raise InputError(f"{file}: broken weights ({error}); get the file again") from None
    for index in folder.glob("*.safetensors.index.json"):
        missing = sorted({*shards_of(index).values()} - {file.name for file in files})
        if missing:
            raise InputError(f"{folder}: lacks the weights {', '.join(missing)}; get the files")


def _refuse_faulty(folder: Path, model: PreTrainedModel, report: Mapping[str, Any]) -> None:
    sizes = [
        f"{name} is {_size(found)}, {CONFIG} says {_size(wanted)}"
        for name, found, wanted in sorted(report["mismatched_keys"])
    ]
    faults = {
        "weights are missing": sorted(map(str, report["missing_keys"])),
        "weights of another size": sizes,
        "weights without a place in the model": sorted(map(str, report["unexpected_keys"])),
    }
    for fault, names in faults.items():
        if names:
            raise InputError(
                f"{folder}: {fault}: {_some(names)}; take the {CONFIG} and the weights of one model"
            )
    broken = [name for name, values in model.named_parameters() if not _are_numbers(values)]
    if broken:
        raise InputError(
            f"{folder}: the weights hold NaN or infinity ({_some(broken)}); train again or take "
            "another checkpoint"
        )


def _refuse_unknown_start(folder: Path, model: PreTrainedModel) -> None:
    start = getattr(model.config, "decoder_start_token_id", None)
    if not isinstance(start, int) or not 0 <= start < model.config.vocab_size:
        raise InputError(
            f"{folder}: {CONFIG} has the decoder_start_token_id {start!r}, with which the decoder "
            f"begins; set it to a token's number, 0 to {model.config.vocab_size - 1} (of T5, that of "
            "its pad token)"
        )


def _are_numbers(values: torch.Tensor) -> bool:
    """Say whether no value is NaN or infinite, in one pass without a copy."""
    return not values.numel() or all(bool(end.isfinite()) for end in values.detach().aminmax())


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def _size(shape: Iterable[int]) -> str:
    return "×".join(map(str, shape))


def load_for_inference(folder: Path, backbone: BackboneParams, *, exact: bool) -> PreTrainedModel:
    """Load a model onto the accelerator, or a CPU, in the number format of `number_format`.

    Errors are those of `load_model`.
    """
    dtype = number_format(backbone, exact=exact)
    return load_model(folder, backbone, dtype=dtype).to(device())


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
