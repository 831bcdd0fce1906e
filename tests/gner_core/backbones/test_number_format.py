"""bfloat16 is used where a backbone allows it and the device is fast in it, and nowhere else."""

from pathlib import Path
from typing import Any

import pytest
import torch

from gner_core.backbones.number_format import number_format
from gner_core.config.backbone import BackboneParams
from tests.gner_core.conftest import backbone

ALLOWED = backbone("decoder_only").model_copy(update={"dtype": "bfloat16"})
XEON = {"architecture": "x86_64", "amx_bf16": True, "avx512_bf16": True}
EPYC = {"architecture": "x86_64", "amx_bf16": False, "avx512_bf16": False}
ZEN_4 = {"architecture": "x86_64", "avx512_bf16": True}


def on(monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, Any]) -> None:
    """Let torch report the capabilities of another processor, without a GPU."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize(
    ("capabilities", "wanted"), [(XEON, "bfloat16"), (ZEN_4, "bfloat16"), (EPYC, "float32")]
)
def test_a_cpu_computes_in_bfloat16_where_it_has_instructions_for_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, Any], wanted: str
) -> None:
    on(monkeypatch, capabilities)
    assert number_format(ALLOWED, exact=False) == wanted


@pytest.mark.parametrize(
    ("params", "exact"), [(ALLOWED, True), (backbone("decoder_only"), False)], ids=["exact", "no"]
)
def test_exact_results_and_backbones_that_do_not_allow_it_stay_in_float32(
    monkeypatch: pytest.MonkeyPatch, params: BackboneParams, *, exact: bool
) -> None:
    on(monkeypatch, XEON)
    assert number_format(params, exact=exact) == "float32"


@pytest.mark.parametrize(("ratio", "wanted"), [(2.0, "bfloat16"), (1.1, "float32")])
def test_other_processors_are_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ratio: float, wanted: str
) -> None:
    on(monkeypatch, {"architecture": "aarch64"})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    now = iter([0.0, ratio, 0.0, 1.0])  # begin and end of the best product in either format
    monkeypatch.setattr("gner_core.backbones.number_format.REPEATS", 1)
    monkeypatch.setattr("gner_core.backbones.number_format.time.perf_counter", lambda: next(now))
    assert number_format(ALLOWED, exact=False) == wanted
