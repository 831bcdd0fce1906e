"""`gner_core.load`: devices, number formats and numbers are checked; libraries stay silent."""

from pathlib import Path
from typing import Any

import pytest
import torch

import gner_core
from gner_core.errors import InputError
from gner_core.predicting.entities import Entity


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"beams": "2"}, "beams is '2'; give a whole number"),
        ({"beams": True}, "beams is True; give a whole number"),
        ({"beams": 2.0}, r"beams is 2\.0; give"),
        ({"beams": 17}, "beams are 1 to 16"),
        ({"batch": "16"}, "batch is '16'; give a whole number"),
        ({"batch": 0}, "a batch at least 1"),
        ({"device": "cuda:99"}, "device 'cuda:99' does not exist here; choose cpu"),
        ({"device": "gpu"}, "device 'gpu' does not exist here; choose cpu"),
        ({"dtype": "float16"}, "dtype 'float16': gner computes in float32 or bfloat16"),
        ({"dtype": torch.float16}, "dtype 'float16': gner computes in"),
        ({"dtype": "bf16"}, "dtype 'bf16'"),
        ({"orders": 33}, "decoding: orders: .* less than or equal to 32, got 33"),
        ({"temperature": 0}, "decoding: temperature: .* greater than 0"),
        ({"calibrate_types": "mean"}, "decoding: calibrate_types: .*content_free', got 'mean'"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    checkpoint: Path, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        gner_core.load(checkpoint, **given)


@pytest.mark.parametrize("name", [None, 5, b"folder"])
def test_what_names_no_checkpoint_is_refused(name: Any) -> None:
    with pytest.raises(InputError, match=f"checkpoint is {name!r}; give a folder"):
        gner_core.load(name)


def test_a_checkpoint_computes_where_and_how_it_is_told(checkpoint: Path) -> None:
    for dtype in ("float32", "bfloat16", torch.bfloat16):
        model = gner_core.load(checkpoint, device="cpu", dtype=dtype)
        weights = model.finder.generator.model  # type: ignore[attr-defined]
        assert str(weights.dtype).endswith(str(dtype).removeprefix("torch."))
        assert weights.device.type == "cpu"
        assert isinstance(model.predict("Ada waves to Rome"), list)


def test_labels_are_rated_as_it_is_told(checkpoint: Path) -> None:
    text, types = "Ada waves to Rome and to Bo", ["person", "city"]

    def found(*asked: str, **rating: Any) -> list[Entity]:
        return list(gner_core.load(checkpoint, **rating).predict(text, asked or types))

    every = found(outside_penalty=60)
    assert sum(len(e.text.split()) for e in every) == 7
    assert found(outside_penalty=-60, calibrate_types="content_free") == []
    calm = found(outside_penalty=60, temperature=3)
    assert [e.text for e in calm] == [e.text for e in every]
    assert calm != every
    there = found(outside_penalty=60, orders=2, batch=1)
    back = found(*types[::-1], outside_penalty=60, orders=2, batch=1)
    assert [(e.text, e.label) for e in there] == [(e.text, e.label) for e in back]


def test_a_checkpoint_names_its_types(checkpoint: Path) -> None:
    assert gner_core.load(checkpoint).types == ("city", "person")


def test_libraries_show_no_bars_and_no_warnings(
    checkpoint: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    model = gner_core.load(checkpoint)
    model.predict(["Ada waves to Rome . " * 300], ["person"])
    assert capfd.readouterr() == ("", "")
    assert [str(one.message) for one in recwarn] == []


def test_bars_are_as_before_after_loading(checkpoint: Path) -> None:
    from huggingface_hub.utils import are_progress_bars_disabled
    from transformers.utils import logging

    before = logging.is_progress_bar_enabled(), are_progress_bars_disabled()
    gner_core.load(checkpoint)
    assert (logging.is_progress_bar_enabled(), are_progress_bars_disabled()) == before
