"""What `gner run FILE --dry-run` prints: the steps, and their costs where a device is named."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from flows.views.dry_run import costs_of, default_lines, plain_table_of, step_values
from flows.views.tables import WholeTable
from gner_core.config.reading.sweeps import Runnable
from gner_core.errors import InputError
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

if TYPE_CHECKING:
    from gner_core.config.costs import DeviceProfile, EnergyParams


def dry_run_parts(
    found: Runnable, *, devices: Sequence[str], grid: float | None
) -> Iterator[str | WholeTable]:
    """Yield what a dry run prints: every step of every point once.

    Args:
        found: an experiment, a sweep or a study.
        devices: a device and measured files (`read_device`); none for no costs.
        grid: kg CO2 equivalents of a kWh; None takes the one of params/costs/energy.yaml.

    Raises:
        InputError: for an unknown device, a faulty file, or a grid without a device.
    """
    _refuse_grid_alone(devices, grid)
    steps = planned_steps(_steps(found), open_store())
    if not devices:
        yield plain_table_of(steps)
        yield from default_lines(experiment for _, experiment in labelled(found))
        return
    priced, device, energy = _priced(steps, devices, grid)
    yield from costs_of(priced, device, energy)
    yield from default_lines(experiment for _, experiment in labelled(found))


def dry_run_values(
    found: Runnable, *, devices: Sequence[str], grid: float | None
) -> list[dict[str, Any]]:
    """Return the steps of a dry run, for JSON; arguments and errors are those of `dry_run_parts`."""
    _refuse_grid_alone(devices, grid)
    steps = planned_steps(_steps(found), open_store())
    return step_values(_priced(steps, devices, grid)[0] if devices else steps)


def _refuse_grid_alone(devices: Sequence[str], grid: float | None) -> None:
    if not devices and grid is not None:
        raise InputError("--grid needs --device")


def _priced(
    steps: Sequence[PlannedStep], devices: Sequence[str], grid: float | None
) -> "tuple[list[PlannedStep], DeviceProfile, EnergyParams]":
    """Return the steps with their costs, and the values that these follow from."""
    from gner_core.config.costs import EnergyParams
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
