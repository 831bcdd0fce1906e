"""Short hashes of values, the same on every machine and in every process.

Values without a stable text form (sets, objects, NaN) are refused: a silent difference would
repeat, or wrongly skip, hours of work.
"""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

KEY_LENGTH = 20  # hex digits: 80 bits, collisions are out of reach for any number of artifacts


def canonical(value: Any) -> str:
    """Return `value` as JSON with sorted keys and no spaces.

    Raises:
        TypeError: for anything but str, int, float, bool, None, and lists, tuples or
            string-keyed dicts of those; the message names the path inside `value`.
        ValueError: for NaN and infinities, which JSON cannot hold.
    """
    _refuse_unstable(value, "value")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def fingerprint(value: Any) -> str:
    """Return the first 20 hex digits of the SHA-256 of the canonical form of `value`."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:KEY_LENGTH]


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in blocks, as 64 hex digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _refuse_unstable(value: Any, where: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where}: {value} has no canonical form")
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _refuse_unstable(item, f"{where}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{where}: key {key!r} is not a string")
            _refuse_unstable(item, f"{where}.{key}")
    elif not isinstance(value, str | int | float | None):
        raise TypeError(f"{where}: a {type(value).__name__} has no stable text form")
