"""A machine of its own for tests of a shared store: `python -m tests.gner_core.store.race_worker …`.

URL SCRATCH race COUNT LOCKED   build the artifacts k0…; print which it built, and what they hold
URL SCRATCH upload FILES        publish one artifact of so many files of 100 kB
URL SCRATCH hold                take the lock of an artifact and keep it
"""

import json
import random
import sys
import time
from contextlib import nullcontext
from pathlib import Path

from gner_core.store.artifacts import ArtifactRef, Store


def race(store: Store, count: int, *, locked: bool) -> None:
    """Build what is not there; each file says who wrote it, with a length of its own."""
    built, found = [], {}
    for number in range(count):
        ref = ArtifactRef("step", f"k{number}")
        with store.lock(ref) if locked else nullcontext():
            if not store.has(ref):
                built.append(ref.key)
                with store.publish(ref, about={}) as folder:
                    for name in ("a", "b", "c"):
                        (folder / name).write_text(f"{store.scratch} " * random.randint(1, 9))
                        time.sleep(random.uniform(0, 0.02))
        folder = store.fetch(ref)
        found[ref.key] = {name: (folder / name).read_text() for name in ("a", "b", "c")}
    print(json.dumps({"built": built, "found": found}))


def main(url: str, scratch: str, what: str, *arguments: str) -> None:
    store = Store(url, scratch=Path(scratch))
    ref = ArtifactRef("step", "k0")
    if what == "race":
        race(store, int(arguments[0]), locked=arguments[1] == "locked")
    elif what == "upload":
        with store.lock(ref), store.publish(ref, about={}) as folder:
            for number in range(int(arguments[0])):
                (folder / f"{number}.bin").write_bytes(bytes([number % 256]) * 100_000)
    else:
        with store.lock(ref):
            print("held", flush=True)
            time.sleep(600)


if __name__ == "__main__":
    main(*sys.argv[1:])
