"""Code, packages, machine and Prefect run that made a result, and what it cost.

The facts of a step are in its artifact's manifest, so that a later run logs the same ones again.
"""

import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gner_core.runtime.machine import machine
from gner_core.runtime.worker import COMPUTED_IN
from tasks.progress import logger

PACKAGES = (
    *("gner", "torch", "transformers", "tokenizers", "accelerate", "deepspeed", "peft"),
    *("prefect", "mlflow", "pyarrow"),
)
"""Packages whose versions go into every manifest, where they are installed."""
DIRTY = "-dirty"
PREFECT_URL = "prefect.flow_run_url"


def facts() -> dict[str, Any]:
    """Return what this process is: code, packages, Python, machine."""
    return {
        "code": code(),
        "packages": packages(),
        "python": platform.python_version(),
        "machine": machine(),
    }


@cache
def packages() -> dict[str, str]:
    """Return the versions of the installed packages of `PACKAGES`."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # an extra
    return found


@cache
def code() -> dict[str, Any]:
    """Return the commit and whether files differ from it; empty without a repository.

    Also empty, with a warning, where git fails.
    """
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return {}
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--exclude=*"]
    try:
        described = subprocess.check_output([*command, f"--dirty={DIRTY}"], text=True).strip()
    except (OSError, subprocess.CalledProcessError) as fault:
        logger().warning("%s: the commit is not recorded, git cannot tell it (%s)", root, fault)
        return {}
    return {"commit": described.removesuffix(DIRTY), "dirty": described.endswith(DIRTY)}


def tags(known: Mapping[str, Any]) -> dict[str, str]:
    """Return facts, or a manifest that holds them, as MLflow's tags."""
    found = {f"gner.package.{name}": given for name, given in known.get("packages", {}).items()}
    if "python" in known:
        found["gner.python"] = known["python"]
    if known.get("code"):
        found["mlflow.source.git.commit"] = known["code"]["commit"]
        found["gner.git.dirty"] = "yes" if known["code"]["dirty"] else "no"
    if COMPUTED_IN in known:
        found["gner.computed_in"] = known[COMPUTED_IN]
    for name, value in known.get("machine", {}).items():
        shown = ", ".join(value) if isinstance(value, list) else str(value)
        found[f"gner.machine.{name}"] = shown
    return found


def costs(manifest: Mapping[str, Any]) -> dict[str, float]:
    """Return what a step has used, over all attempts that ended, as MLflow's metrics."""
    return {f"cost/{name}": value for name, value in manifest.get("usage", {}).items()}


def prefect_tags() -> dict[str, str]:
    """Return the id and the address of the Prefect flow run around us, empty where there is none."""
    from prefect.context import FlowRunContext  # a second: commands that only list need it not
    from prefect.utilities.urls import url_for

    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return {}
    found = {"prefect.flow_run_id": str(context.flow_run.id)}
    address = url_for("flow-run", obj_id=context.flow_run.id)
    return {**found, PREFECT_URL: address} if address else found


def prefect_link() -> dict[str, str]:
    """Return the link to the Prefect flow run around us; none without a server of known address."""
    found = prefect_tags()
    return {"Prefect run": found[PREFECT_URL]} if PREFECT_URL in found else {}
