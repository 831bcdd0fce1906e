"""gner_core: named entity recognition by generation, as a plain library.

Knows nothing of Prefect or MLflow: `tasks` and `flows` bring those in.
"""

import os
import warnings
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

    from gner_core.config.checkpoint import Description
    from gner_core.predicting.predictor import Predictor


def load(
    checkpoint: "str | os.PathLike[str]",
    *,
    about: "str | os.PathLike[str] | Description | None" = None,
    beams: int = 1,
    batch: int = 16,
    device: "str | torch.device | None" = None,
    dtype: "str | torch.dtype | None" = None,
    orders: int = 1,
    outside_penalty: float = 0.0,
    calibrate_types: 'Literal["content_free"] | None' = None,
    temperature: float = 1.0,
) -> "Predictor":
    """Load a checkpoint that gner trained, or a foreign one; imports torch only now.

    Args:
        checkpoint: folder with weights, tokenizer and `gner.json`. A foreign one by its folder, its
            models file or its name on the Hugging Face hub, OWNER/NAME or OWNER/NAME@COMMIT.
        about: what a foreign checkpoint is: a models file, or a description. Those of
            params/models/released/ are found by their name on the hub.
        beams: beam size of guided decoding (1 to 16).
        batch: prompts that are decoded side by side, one for each window and order.
        device: "cpu", "cuda" or "cuda:1"; None takes the first GPU where there is one.
        dtype: "float32" or "bfloat16"; None takes bfloat16 where the checkpoint's backbone allows
            it and the device is fast in it.
        orders: orders of the types (1 to 32), the given one first, over which the probabilities of
            labels are averaged.
        outside_penalty: nats taken off the log probability that a word is in no entity: above 0
            finds more entities, below 0 fewer.
        calibrate_types: "content_free" lowers the types that the model prefers where a text says
            nothing.
        temperature: above 1 lowers confidences; it changes no label.

    Raises:
        gner_core.errors.InputError: when there is no usable checkpoint, or nothing says what it is,
            and for a number, a device or a format that makes no sense.
    """
    with warnings.catch_warnings():  # tqdm asks notebooks for widgets, which nothing here needs
        warnings.filterwarnings("ignore", "IProgress not found")
        from gner_core.predicting.loading import named
    from gner_core.predicting.loading.system import rating_of

    rating = rating_of(orders, outside_penalty, calibrate_types, temperature)
    return named.load(
        checkpoint,
        about=about,
        beams=beams,
        batch=batch,
        device=device,
        dtype=dtype,
        rating=rating,
    )
