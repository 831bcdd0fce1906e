"""Keeps the progress bars of libraries off while a model is loaded or written."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.utils import (
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)
from transformers.utils import logging


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Hide the bars of transformers and of the hub's client; both are as before at the end."""
    shown, hub_shown = logging.is_progress_bar_enabled(), not are_progress_bars_disabled()
    with _without_warnings():
        logging.disable_progress_bar()
        disable_progress_bars()
    try:
        yield
    finally:
        with _without_warnings():
            if shown:
                logging.enable_progress_bar()  # switches those of the hub, too
            (enable_progress_bars if hub_shown else disable_progress_bars)()


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Hide that an environment variable decides; it is obeyed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
