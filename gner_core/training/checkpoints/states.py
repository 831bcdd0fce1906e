"""Weights and AdamW's averages in full, by parameter name, with and without DeepSpeed.

Under ZeRO each device holds a part of both; here they become whole tensors and parts again. That
makes a checkpoint independent of the number of devices and of the stage.

The files are `training.checkpoints`'.
"""

from collections.abc import Iterator
from typing import Any

import torch
from transformers import PreTrainedModel

AVERAGES = ("exp_avg", "exp_avg_sq")
STEP = "step"
Tensors = dict[str, torch.Tensor]


def full_weights(model: PreTrainedModel, *, engine: Any | None) -> Tensors | None:
    """Return all weights in float32 on the CPU; None where the model itself has them.

    Every device must call it.
    """
    if engine is None:
        return None
    import deepspeed

    weights = {}
    for name, parameter in model.named_parameters():
        full = (
            deepspeed.utils.safe_get_full_fp32_param(parameter) if parameter.requires_grad else None
        )
        if full is None:
            with deepspeed.zero.GatheredParameters([parameter]):
                full = parameter.detach().float()
                weights[name] = _kept(full)
        else:
            weights[name] = _kept(full)
    shared = {id(p): name for name, p in model.named_parameters()}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        weights.setdefault(name, weights[shared[id(parameter)]])
    return weights


def full_averages(model: PreTrainedModel, optimizer: Any, *, engine: Any | None) -> Tensors:
    """Return `<average>/<parameter>` in full on the CPU, and the number of steps.

    Every device must call it.
    """
    averages: Tensors = {}
    if engine is None:
        state = optimizer.state
        for name, parameter in _trained(model):
            averages[STEP] = _kept(state[parameter][STEP].float())
            averages |= {f"{kind}/{name}": _kept(state[parameter][kind]) for kind in AVERAGES}
        return averages
    import deepspeed

    _link(engine)
    for name, parameter in _trained(model):
        for kind in AVERAGES:
            full = deepspeed.utils.safe_get_full_optimizer_state(parameter, kind)
            averages[f"{kind}/{name}"] = _kept(full)
    first = next(iter(engine.optimizer.optimizer.state.values()))
    averages[STEP] = _kept(torch.as_tensor(first[STEP], dtype=torch.float32))
    return averages


def restore_averages(
    model: PreTrainedModel, optimizer: Any, averages: Tensors, *, engine: Any | None
) -> None:
    """Give AdamW the averages and step count of a checkpoint. Every device must call it."""
    if engine is None:
        for name, parameter in _trained(model):
            optimizer.state[parameter] = {
                STEP: averages[STEP].clone(),
                **{kind: averages[f"{kind}/{name}"].to(parameter.device) for kind in AVERAGES},
            }
        return
    import deepspeed

    plain = engine.optimizer.optimizer
    for part in _flat_parts(engine):  # empty so far: AdamW makes its state when it steps
        plain.state[part] = {
            STEP: averages[STEP].clone(),
            **{kind: torch.zeros_like(part) for kind in AVERAGES},
        }
    _link(engine)
    for name, parameter in _trained(model):
        for kind in AVERAGES:
            full = averages[f"{kind}/{name}"].to(engine.device)
            deepspeed.utils.safe_set_full_optimizer_state(parameter, full, kind)


def _flat_parts(engine: Any) -> list[torch.Tensor]:
    """Return what AdamW updates on this device: flat parts of all weights.

    ZeRO 3 lays them into the groups of AdamW for the moment of a step only.
    """
    zero = engine.optimizer
    if hasattr(zero, "fp32_partitioned_groups_flat"):
        return list(zero.fp32_partitioned_groups_flat)
    return [part for group in zero.optimizer.param_groups for part in group["params"]]


def _link(engine: Any) -> None:
    """Let ZeRO 1 and 2 find the averages of all parameters.

    DeepSpeed 0.19 links them after the first step of the first group, and so misses the others.
    """
    from deepspeed.utils.mixed_precision_linkage import lazy_init_hp_params_optimizer_state

    zero = engine.optimizer
    if hasattr(zero, "single_partition_of_fp32_groups"):
        for group, part in zip(
            zero.bit16_groups, zero.single_partition_of_fp32_groups, strict=True
        ):
            lazy_init_hp_params_optimizer_state(group, part, zero.optimizer.state)


def _trained(model: PreTrainedModel) -> Iterator[tuple[str, torch.nn.Parameter]]:
    return ((name, p) for name, p in model.named_parameters() if p.requires_grad)


def _kept(value: torch.Tensor) -> torch.Tensor:
    return value.detach().to("cpu", copy=True).contiguous()
