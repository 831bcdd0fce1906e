"""The command of every deployment in `prefect.yaml`: Prefect's engine, after the fork server.

Prefect's imports and its requests to the server take more than a second before a flow begins; the
fork server of the workers imports torch meanwhile. The `python` of a Prefect worker must be that of
gner.

The process has a session of its own, so that it outlives a Prefect worker that is killed with its
group, and shares the processors as one (`gner_core.runtime.priority`).
"""

import os
import runpy
import sys

from tasks.workers import started_ahead

CHECKOUT = "GNER_CHECKOUT"


def main() -> None:
    """Execute the flow run that the environment names, in the worker's checkout."""
    if CHECKOUT not in os.environ:
        sys.exit(f"{CHECKOUT} is not set: start the worker with the folder of prefect.yaml in it")
    if os.getsid(0) != os.getpid():
        os.setsid()
    os.chdir(os.environ[CHECKOUT])
    with started_ahead():
        runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
