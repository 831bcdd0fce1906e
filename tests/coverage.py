"""Prints which share of the lines of each room the tests run: `python -m tests.coverage FILE`.

The file is slipcover's JSON. Lines that only a worker process runs do not count as run.
"""

import json
import sys
from collections import Counter
from pathlib import Path, PurePath


def main(file: str) -> None:
    """Print a line for each room and one for all."""
    run: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for name, found in json.loads(Path(file).read_text())["files"].items():
        *folders, _ = PurePath(name).parts
        for room in ("all", "/".join(folders[:2] if folders[0] == "gner_core" else folders[:1])):
            run[room] += len(found["executed_lines"])
            missed[room] += len(found["missing_lines"])
    print("lines that the tests run")
    for room in sorted(run, key=lambda one: (one == "all", one)):
        lines = run[room] + missed[room]
        print(f"  {room:<24} {100 * run[room] / max(lines, 1):5.1f} % of {lines:,}")


if __name__ == "__main__":
    main(sys.argv[1])
