"""Reads the files of a dry run: params/costs/ and params/devices/."""

from collections.abc import Mapping
from pathlib import Path

from gner_core.config.costs import DeviceProfile, Entry, Lengths, MeasuredLengths, Table
from gner_core.config.reading.files import read_params, read_yaml, validated
from gner_core.errors import InputError

COSTS = Path(__file__).parents[3] / "params" / "costs"
LENGTHS = COSTS / "lengths.yaml"
ENERGY = COSTS / "energy.yaml"
PROFILES = Path(__file__).parents[3] / "params" / "devices"


def read_lengths(path: Path) -> Table:
    """Read the table of lengths.

    Raises:
        InputError: for a file that cannot be read, or an entry that names no measured corpus.
    """
    table = validated(dict[str, dict[str, Entry]], read_yaml(path), path)
    try:
        return {
            tokenizer: {name: _resolved(entry, column) for name, entry in column.items()}
            for tokenizer, column in table.items()
        }
    except KeyError as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from None


def named_device(name: str) -> DeviceProfile:
    """Return the profile of a device.

    Raises:
        InputError: for a name without a profile, or a faulty profile.
    """
    file = PROFILES / f"{name}.yaml"
    if Path(name).name != name or not file.is_file():
        known = ", ".join(sorted(path.stem for path in PROFILES.glob("*.yaml")))
        raise InputError(f"--device {name}: not known; known: {known}")
    return read_params(DeviceProfile, file)


def _resolved(entry: Entry, column: Mapping[str, Entry]) -> Lengths:
    if isinstance(entry, MeasuredLengths):
        return Lengths(entry.words, entry.prompt, entry.target, pieces=1.0, stand_in=False)
    others = [column[name] for name in entry.like]
    measured = [one for one in others if isinstance(one, MeasuredLengths)]
    if len(measured) < len(others):
        raise KeyError(f"like: {', '.join(entry.like)}: names a corpus that is not measured")
    return Lengths(
        sum(one.words for one in measured) / len(measured),
        sum(one.prompt for one in measured) / len(measured),
        sum(one.target for one in measured) / len(measured),
        pieces=entry.pieces,
        stand_in=True,
    )
