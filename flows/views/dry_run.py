"""Prints `gner run --dry-run`: a row a step, then the totals and those of the paper."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from flows.views.tables import WholeTable, numbers, plain_table, texts
from gner_core.config.costs import DeviceProfile, EnergyParams
from gner_core.config.experiment import Experiment
from gner_core.costs.estimate import footprint
from gner_core.reports.paper.numbers import paper_gpu_hours, paper_kg
from tasks.plans.points import PlannedStep
from tasks.steps.models import Generate, Train
from tasks.steps.step_key import Step

NAMED = 3
"""Experiments that are named behind a step; of others only the number is given."""
SCALES = ("", "k", "M", "G", "T", "P", "E", "Z")
NO_KEY = "(after-fetching)"


def plain_table_of(steps: Sequence[PlannedStep]) -> WholeTable:
    """Return state, kind, key and title of every step."""
    table = plain_table(*texts("state", "step", "key", "title"))
    table.show_header = False
    for planned in steps:
        table.add_row(*_head(planned), _title(planned))
    return table


def step_values(steps: Sequence[PlannedStep]) -> list[dict[str, Any]]:
    """Return every step with its costs, as far as they are known, for JSON."""
    return [
        {
            "state": "published" if planned.published else "pending",
            "step": planned.step.kind,
            "key": None if planned.step.unfetched else planned.step.ref.key,
            "title": planned.step.title,
            "users": list(planned.users),
            "cost": asdict(planned.cost) if planned.cost else None,
        }
        for planned in steps
    ]


def default_lines(experiments: Iterable[Experiment]) -> Iterator[str]:
    """Yield the values that come from params/defaults.yaml, a line a section, each line once."""
    lines: dict[str, None] = {}
    for experiment in experiments:
        sections: dict[str, list[str]] = {}
        for key, value in experiment.taken_defaults().items():
            section, _, name = key.rpartition(".")
            sections.setdefault(section, []).append(f"{name}={json.dumps(value)}")
        lines |= dict.fromkeys(f"{name}: {', '.join(v)}" for name, v in sections.items())
    for line in lines:
        yield f"default    {line.removeprefix(': ')}"


def costs_of(
    steps: Sequence[PlannedStep], device: DeviceProfile, energy: EnergyParams
) -> Iterator[str | WholeTable]:
    """Yield every step with its costs, then what all of them cost.

    Tokens are those of prompts and targets in all epochs of a training, or those generated.
    """
    figures = numbers("tokens", "FLOP", "memory", "GPU h")
    table = plain_table(*texts("state", "step", "key"), *figures, *texts("title"))
    for planned in steps:
        note = planned.note and f"  ({planned.note})"
        table.add_row(*_head(planned), *_figures(planned, device), f"{_title(planned)}{note}")
    yield table
    yield ""
    yield from _device_lines(device)
    yield from _totals(steps, device, energy)


def _figures(planned: PlannedStep, device: DeviceProfile) -> tuple[str, str, str, str]:
    cost = planned.cost
    if cost is None:
        return ("?",) * 4 if planned.note else ("",) * 4
    trained = isinstance(planned.step, Train)
    tokens = cost.target_tokens + (cost.prompt_tokens if trained else 0)
    too_large = device.memory_bytes is not None and cost.memory_bytes > device.memory_bytes
    return (
        _scaled(tokens),
        _scaled(cost.flops),
        f"{_scaled(cost.memory_bytes)}B{'!' if too_large else ''}",
        "?" if cost.gpu_hours is None else _hours_text(cost.gpu_hours),
    )


def _scaled(value: float) -> str:
    """Return a number with three digits and a unit prefix: 648M."""
    power = 0
    while value >= 999.5 and power + 1 < len(SCALES):
        value, power = value / 1000, power + 1
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f}{SCALES[power]}"


def _hours_text(hours: float) -> str:
    return f"{hours:,.2f}" if hours >= 0.1 else f"{hours:.2g}"


def _head(planned: PlannedStep) -> tuple[str, str, str]:
    state = "published" if planned.published else "pending"
    return state, planned.step.kind, NO_KEY if planned.step.unfetched else planned.step.ref.key


def _title(planned: PlannedStep) -> str:
    """Return the title, with the experiments that need the step where there are several."""
    users = planned.users
    if not users:
        return planned.step.title
    more = f" and {len(users) - NAMED} more" if len(users) > NAMED else ""
    return f"{planned.step.title}  [{'; '.join(users[:NAMED])}{more}]"


def _device_lines(device: DeviceProfile) -> Iterator[str]:
    known = [
        f"{dtype}: {peak / 1e12:,.4g} TFLOP/s, {device.utilisation[dtype]:.0%} used in training"
        for dtype, peak in device.flops.items()
        if dtype in device.utilisation
    ]
    yield f"device     {device.name}; {'; '.join(known)}"
    if device.assumed:
        yield f"assumed    {device.assumed}"
    yield (
        "tokens     of prompts and targets in all epochs (train), of answers (generate); "
        "no padding, no external types"
    )
    yield "memory     of one device, with sentences at the backbone's limits; ! is more than it has"


def _totals(
    steps: Sequence[PlannedStep], device: DeviceProfile, energy: EnergyParams
) -> Iterator[str]:
    unknown = sum(_unknown(planned) for planned in steps)
    trained, generated = _hours(steps, Train), _hours(steps, Generate)
    left = _hours([planned for planned in steps if not planned.published])
    total = trained + generated
    yield (
        f"total      {_hours_text(total)} GPU hours: {_hours_text(trained)} training, "
        f"{_hours_text(generated)} generating"
    )
    yield from _parts(steps)
    yield f"pending    {_hours_text(left)} GPU hours"
    if unknown:
        yield f"unknown    {unknown} steps, marked ?, are in no total"
    values = f"overhead {energy.overhead:g} (PUE), grid {energy.kg_per_kwh:g} kg CO2eq/kWh"
    if device.watts is None:
        yield f"energy     ? (the device's profile states no watts); {values}"
    else:
        kwh, kg = footprint(total, watts=device.watts, energy=energy)
        yield (
            f"energy     {_hours_text(kwh)} kWh, {_hours_text(kg)} kg CO2eq; "
            f"{device.watts:g} W, {values}"
        )
    yield (
        f"paper      {paper_gpu_hours():g} GPU hours of A100-80G for all its models, "
        f"{paper_kg():g} kg CO2eq (Appendix G)"
    )


def _parts(steps: Sequence[PlannedStep]) -> Iterator[str]:
    """Yield the hours of each part of a study: a step counts for the first that needs it."""
    parts: dict[str, list[PlannedStep]] = {}
    for planned in steps:
        name = planned.users[0].split(" / ")[0] if planned.users else ""
        parts.setdefault(name, []).append(planned)
    parts.pop("", None)
    if len(parts) > 1:
        yield "of which   (a step counts for the first part that needs it)"
        for name, own in parts.items():
            yield f"  {_hours_text(_hours(own)):>10}  {name}"


def _unknown(planned: PlannedStep) -> bool:
    known = planned.cost is not None and planned.cost.gpu_hours is not None
    return isinstance(planned.step, Train | Generate) and not known


def _hours(steps: Sequence[PlannedStep], kind: type[Step] = Step) -> float:
    """Return the GPU hours of steps of a kind, as far as they are known."""
    return sum(
        planned.cost.gpu_hours or 0.0
        for planned in steps
        if planned.cost and isinstance(planned.step, kind)
    )
