"""A flow in its own process that trains: `python -m tests.gner_core.training.launch.flow_process REQUEST`."""

import json
import sys
from pathlib import Path

from tasks.workers import Workers


def main(path: str) -> None:
    request = json.loads(Path(path).read_text())
    with Workers() as workers:
        workers.run("gner_core.training.worker", request, on_event=len)


if __name__ == "__main__":
    main(sys.argv[1])
