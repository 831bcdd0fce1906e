"""A system of one's own: a Python file with a class `System`, which is a `TextSystem`."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from gner_core.config.systems.own import OwnSystem
from gner_core.errors import InputError
from gner_core.systems.interface import TextSystem

NEEDED = ("queries", "examples", "read")


def own_system(params: OwnSystem) -> TextSystem:
    """Run the file that params name, and return an object of its class `System`.

    Raises:
        InputError: for a file that is not there, fails, or has no such class, and for params that
            the class does not take.
    """
    file = Path(params.file)
    spec = spec_from_file_location(f"system_of_ones_own_{file.stem}", file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise InputError(f"{file}: no such Python file; system.file names it")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
        system: TextSystem = module.System(**params.params)
    except Exception as error:  # whatever it does at its start
        raise InputError(f"{file}: {type(error).__name__}: {error}") from error
    missing = [name for name in NEEDED if not callable(getattr(system, name, None))]
    if missing or not hasattr(system, "pieces_apart"):
        names = ", ".join(missing or ["pieces_apart"])
        raise InputError(f"{file}: class System lacks {names}; see gner_core.systems.interface")
    return system
