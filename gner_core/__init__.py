"""gner_core: named entity recognition by generation, as a plain library.

Knows nothing of Prefect or MLflow: `tasks` and `flows` bring those in.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gner_core.predicting.predictor import Predictor


def load(checkpoint: "str | os.PathLike[str]", *, beams: int = 1, batch: int = 16) -> "Predictor":
    """Load the model in a folder that a training stage published; imports torch only now.

    Args:
        checkpoint: folder with weights, tokenizer and `gner.json`.
        beams: beam size over decisions (1 to 16).
        batch: windows of text that are decoded side by side.

    Raises:
        gner_core.errors.InputError: when the folder is no usable checkpoint.
    """
    from pathlib import Path

    from gner_core.predicting import predictor

    return predictor.load(Path(checkpoint), beams=beams, batch=batch)
