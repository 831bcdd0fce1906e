"""Loads the model of a folder as a predictor, and checks how it is to compute."""

from pathlib import Path

import torch

from gner_core.backbones.encoder import Encoder
from gner_core.backbones.load import device as accelerator
from gner_core.backbones.load import load_model, load_tokenizer
from gner_core.backbones.number_format import FORMATS, NumberFormat, number_format
from gner_core.backbones.text_encoder import TextEncoder
from gner_core.config.checkpoint import Description
from gner_core.config.systems.any import PLAIN, RatingParams
from gner_core.config.systems.base import TextSystemParams
from gner_core.config.systems.gliner import GlinerSystem
from gner_core.errors import InputError
from gner_core.generation.guided.costs import PassCosts, pass_costs
from gner_core.generation.guided.decoding import GuidedGenerator
from gner_core.predicting.finders.gliner import GlinerFinder
from gner_core.predicting.finders.labels import LabelFinder
from gner_core.predicting.finders.texts import TextFinder
from gner_core.predicting.loading.system import own_description, predicting_system
from gner_core.predicting.predictor import Predictor
from gner_core.systems.gliner.engine import Gliner
from gner_core.systems.gliner.environment import command

MOST_BEAMS = 16
NO_LIMIT = 10**9
"""Tokens of a text that a tokenizer warns about: gner has limits of its own."""


def load_folder(
    checkpoint: Path,
    *,
    about: Description | None,
    beams: int,
    batch: int,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    package: Path | None = None,
    costs: PassCosts | None = None,
    rating: RatingParams = PLAIN,
) -> Predictor:
    """Load a checkpoint.

    Args:
        checkpoint: folder with safetensors weights and their tokenizer.
        about: what it is; None reads its gner.json.
        beams: beam size of gner's guided decoding (1 to 16).
        batch: prompts that are decoded together: of a window, one for each order of the types.
        device: where it computes; None takes the accelerator where there is one.
        dtype: float32 or bfloat16; None takes bfloat16 where the backbone allows it and the device
            is fast in it.
        package: the environment of GLiNER's package, which chooses the device itself.
        costs: by which guided decoding chooses how to compute; NOMINAL gives the same last digits
            wherever the processor is the same, None measures them, which is faster.
        rating: how labels are rated.

    Raises:
        InputError: when the folder is no checkpoint, or one that does not find entities in texts;
            and for numbers, devices and formats that make no sense.
    """
    beams, batch = _whole(beams, "beams"), _whole(batch, "batch")
    if not 1 <= beams <= MOST_BEAMS or batch < 1:
        raise InputError(
            f"beams {beams}, batch {batch}: beams are 1 to {MOST_BEAMS}, a batch at least 1"
        )
    on, form = chosen_device(device), chosen_format(dtype)
    description = about or own_description(checkpoint)
    backbone = description.backbone
    form = form or number_format(backbone, exact=False, on=on)
    system = predicting_system(description, beams=beams, folder=checkpoint, rating=rating)
    if isinstance(system, GlinerSystem):
        engine = _gliner(checkpoint, system, package, batch=batch, dtype=form)
        return Predictor(description, GlinerFinder(engine, system, model=checkpoint), batch=batch)
    tokenizer = load_tokenizer(checkpoint)
    tokenizer.model_max_length = NO_LIMIT
    model = load_model(checkpoint, backbone, dtype=form).to(on)
    if isinstance(system, TextSystemParams):
        texts = TextFinder(model, TextEncoder(tokenizer, backbone), system, batch=batch)
        return Predictor(description, texts, batch=batch)
    encoder = Encoder(tokenizer, backbone, system.target)
    costs = costs or pass_costs(model)
    generator = GuidedGenerator(model, encoder, beams=beams, costs=costs, rating=rating)
    finder = LabelFinder(encoder, generator, orders=rating.orders)
    return Predictor(description, finder, batch=max(1, batch // rating.orders))


def chosen_device(device: str | torch.device | None) -> torch.device:
    """Return a device of this machine.

    Raises:
        InputError: for one that does not exist, with those that do.
    """
    if device is None:
        return accelerator()
    gpus = [f"cuda:{n}" for n in range(torch.cuda.device_count())]
    here = ["cpu", *(["cuda"] if gpus else []), *gpus]
    if str(device) not in here:
        raise InputError(f"device {str(device)!r} does not exist here; choose {' or '.join(here)}")
    return torch.device(device)


def chosen_format(dtype: str | torch.dtype | None) -> NumberFormat | None:
    """Return the number format of that name; None where none is named.

    Raises:
        InputError: for one in which gner does not compute.
    """
    name = str(dtype).removeprefix("torch.")
    found = next((one for one in FORMATS if one == name), None)
    if dtype is not None and found is None:
        raise InputError(f"dtype {name!r}: gner computes in {' or '.join(FORMATS)}; choose one")
    return found


def _whole(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{name} is {value!r}; give a whole number")
    return value


def _gliner(
    checkpoint: Path, system: GlinerSystem, package: Path | None, *, batch: int, dtype: NumberFormat
) -> Gliner:
    if package is None:
        raise InputError(
            f"{checkpoint}: GLiNER runs in the environment of its package; use it with gner "
            "predict, gner test, or in an experiment"
        )
    return Gliner(
        system,
        model=checkpoint,
        start=command(package),
        batch=batch,
        threads=None,
        dtype=dtype,
        too_long="skip",
    )
