"""What `gner run FILE --dry-run` prints: the steps, and their costs where a device is named."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from flows.views.tables import WholeTable, numbers, plain_table
from gner_core.config.costs import DeviceProfile, EnergyParams
from gner_core.config.experiment import Experiment
from gner_core.config.reading.sweeps import Runnable, Sweep
from gner_core.costs.estimate import footprint
from gner_core.errors import InputError
from gner_core.reports.paper.numbers import paper_gpu_hours, paper_kg
from gner_core.store.artifacts import Store
from gner_core.systems.chat.estimate import Expected
from tasks.paths import open_store
from tasks.plans.points import (
    PlannedStep,
    SharedStep,
    labelled,
    plan_sweep_reports,
    planned_points,
    planned_steps,
    shared_steps,
)
from tasks.standalone.requests import expected_requests
from tasks.steps.models import Ask, Generate, Train
from tasks.steps.step import Step

NAMED = 3
"""Experiments that are named behind a step; of others only the number is given."""
SCALES = ("", "k", "M", "G", "T", "P", "E", "Z")
NO_KEY, NO_COMMIT = "(after-fetching)", "(after-pinning)"


def dry_run_parts(
    found: Runnable, *, devices: Sequence[str], grid: float | None
) -> Iterator[str | WholeTable]:
    """Yield what a dry run prints: every step of every point once.

    Args:
        found: an experiment, a sweep or a study.
        devices: a device and measured files (`read_device`); none for that of a sweep, or no costs.
        grid: kg CO2 equivalents of a kWh; None takes the one of params/costs/energy.yaml.

    Raises:
        InputError: for an unknown device, a faulty file, or a grid without a device.
    """
    devices = devices or _own_device(found)
    _refuse_grid_alone(devices, grid)
    steps = planned_steps(_steps(found), open_store())
    if devices:
        yield from costs_of(*_priced(steps, devices, grid))
    else:
        yield plain_table_of(steps)
    yield from request_lines(steps, open_store())
    yield from default_lines(experiment for _, experiment in labelled(found))


def dry_run_values(
    found: Runnable, *, devices: Sequence[str], grid: float | None
) -> list[dict[str, Any]]:
    """Return the steps of a dry run, for JSON; arguments and errors are those of `dry_run_parts`."""
    devices = devices or _own_device(found)
    _refuse_grid_alone(devices, grid)
    steps = planned_steps(_steps(found), open_store())
    return step_values(_priced(steps, devices, grid)[0] if devices else steps)


def _own_device(found: Runnable) -> Sequence[str]:
    """Return the device that a sweep names for its costs."""
    named = found.params.device if isinstance(found, Sweep) else None
    return [named] if named else []


def _refuse_grid_alone(devices: Sequence[str], grid: float | None) -> None:
    if not devices and grid is not None:
        raise InputError("--grid needs --device")


def _priced(
    steps: Sequence[PlannedStep], devices: Sequence[str], grid: float | None
) -> tuple[list[PlannedStep], DeviceProfile, EnergyParams]:
    """Return the steps with their costs, and the values that these follow from."""
    from gner_core.config.reading.costs import ENERGY
    from gner_core.config.reading.files import read_params
    from gner_core.costs.devices import read_device
    from tasks.standalone.costs import CostReader

    device, energy = read_device(devices), read_params(EnergyParams, ENERGY)
    if grid is not None:
        energy = energy.model_copy(update={"kg_per_kwh": grid})
    reader = CostReader(open_store(), device)
    return [reader.priced(step) for step in steps], device, energy


def _steps(found: Runnable) -> list[SharedStep]:
    """Return every step with its users, those at the end of sweeps last."""
    points = planned_points(found)
    reports = plan_sweep_reports(found, points)
    ends = [SharedStep(step, points[0].experiment.execution) for step in reports]
    return [*shared_steps(points).values(), *ends]


def plain_table_of(steps: Sequence[PlannedStep]) -> WholeTable:
    """Return state, kind, key and title of every step."""
    table = plain_table("state", "step", "key", "title")
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
            "key": None if _is_provisional(planned.step) else planned.step.ref.key,
            "title": planned.step.title,
            "users": list(planned.users),
            "cost": asdict(planned.cost) if planned.cost else None,
            "by_corpus": dict(planned.by_corpus),
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


def request_lines(steps: Sequence[PlannedStep], store: Store) -> Iterator[str]:
    """Yield a line for every test of an endpoint that has no answers yet: requests, tokens, money.

    Raises:
        InputError: for a fault in a file of a corpus or of the system.
    """
    for planned in steps:
        if isinstance(planned.step, Ask) and not planned.published:
            found = expected_requests(planned.step, store)
            yield f"requests   {planned.step.title}: {_requests_text(found, planned)}"


def _requests_text(found: Expected | None, planned: PlannedStep) -> str:
    if found is None:
        return "not known before its corpora are fetched"
    price = planned.execution.chat.price
    tokens = (
        f"{found.calls:,}; about {found.prompt_tokens:,} tokens of prompts, {found.answer_tokens:,} "
        f"of right answers, at most {found.most_answer_tokens:,}"
    )
    if price is None:
        return f"{tokens}; execution.chat.price is not set"
    right, most = found.money(price)
    return f"{tokens}; price {right:,.4f}, at most {most:,.4f}"


def costs_of(
    steps: Sequence[PlannedStep], device: DeviceProfile, energy: EnergyParams
) -> Iterator[str | WholeTable]:
    """Yield every step with its costs, then what all of them cost.

    Tokens are those of prompts and targets in all epochs of a training, or those generated.
    """
    figures = numbers("tokens", "FLOP", "memory", "GPU h")
    table = plain_table("state", "step", "key", *figures, "title")
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
    step = planned.step
    key = NO_KEY if step.unfetched else NO_COMMIT if step.unpinned else step.ref.key
    return state, step.kind, key


def _is_provisional(step: Step) -> bool:
    return bool(step.unfetched or step.unpinned)


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
    yield from _corpora(steps)
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


def _corpora(steps: Sequence[PlannedStep]) -> Iterator[str]:
    """Yield the hours of generating for each corpus, over all systems and tests."""
    hours: dict[str, float] = {}
    for planned in steps:
        for name, one in planned.by_corpus.items():
            hours[name] = hours.get(name, 0.0) + one
    if len(hours) > 1:
        yield "by corpus  (generating)"
        for name, total in hours.items():
            yield f"  {_hours_text(total):>10}  {name}"


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
