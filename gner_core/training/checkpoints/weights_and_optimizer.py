"""Gathers weights and AdamW's averages by parameter name, with and without DeepSpeed.

ZeRO shards both over the devices; here the shards become whole tensors, and shards again. So a
checkpoint does not depend on the number of devices and the ZeRO stage.
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
        full = None
        if parameter.requires_grad:
            full = deepspeed.utils.safe_get_full_fp32_param(parameter)
        with deepspeed.zero.GatheredParameters([parameter], enabled=full is None):
            weights[name] = _on_cpu(parameter.detach().float() if full is None else full)
    shared = {id(p): name for name, p in model.named_parameters()}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        weights.setdefault(name, weights[shared[id(parameter)]])
    return weights


def full_averages(model: PreTrainedModel, optimizer: Any, *, engine: Any | None) -> Tensors:
    """Return `<average>/<parameter>` in full, and the number of steps, on the CPU.

    Every device must call it.
    """
    averages: Tensors = {}
    if engine is None:
        state = optimizer.state
        for name, parameter in _trained(model):
            averages[STEP] = _on_cpu(state[parameter][STEP].float())
            averages |= {f"{kind}/{name}": _on_cpu(state[parameter][kind]) for kind in AVERAGES}
        return averages
    import deepspeed

    _link(engine)
    for name, parameter in _trained(model):
        for kind in AVERAGES:
            full = deepspeed.utils.safe_get_full_optimizer_state(parameter, kind)
            averages[f"{kind}/{name}"] = _on_cpu(full)
    first = next(iter(engine.optimizer.optimizer.state.values()))
    averages[STEP] = _on_cpu(torch.as_tensor(first[STEP], dtype=torch.float32))
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
    for part in _flat_parts(engine):  # AdamW makes its state only with its first step
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
    """Return the flat shards of the weights that AdamW updates on this device.

    ZeRO 3 puts them into AdamW's groups only during a step.
    """
    zero = engine.optimizer
    if hasattr(zero, "fp32_partitioned_groups_flat"):
        return list(zero.fp32_partitioned_groups_flat)
    return [part for group in zero.optimizer.param_groups for part in group["params"]]


def _link(engine: Any) -> None:
    """Link all parameters to their averages under ZeRO 1 and 2.

    DeepSpeed 0.19 does so after the first step of the first group, and misses the other groups.
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


def _on_cpu(value: torch.Tensor) -> torch.Tensor:
    return value.detach().to("cpu", copy=True).contiguous()
