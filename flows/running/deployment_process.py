"""The process of a deployment's run: Prefect's engine, with what it will need started before it.

Prefect's imports and its questions to the server take more than a second before a flow begins; the
fork server of the workers imports torch meanwhile. `prefect.yaml` names this module as the command
of every deployment, so a worker's `python` must be that of gner. Does not own what runs (`flows.experiment`).

A process of its own session, so that it outlives a worker that is killed with its group, and shares
the processors as one (`gner_core.runtime.priority`).
"""

import os
import runpy
import sys

from tasks.workers import start_ahead

CHECKOUT = "GNER_CHECKOUT"


def main() -> None:
    """Execute the flow run that the environment names, in the worker's checkout."""
    if CHECKOUT not in os.environ:
        sys.exit(f"{CHECKOUT} is not set: start the worker with the folder of prefect.yaml in it")
    if os.getsid(0) != os.getpid():
        os.setsid()
    os.chdir(os.environ[CHECKOUT])
    start_ahead()
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
