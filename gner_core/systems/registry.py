"""Every system by its kind: the one place to which a new system is added."""

from collections.abc import Callable
from typing import Any

from gner_core.config.systems.base import ComparedSystem
from gner_core.systems.chat.reading import ChatReader
from gner_core.systems.gliner.engine import GlinerReader
from gner_core.systems.gollie.system import Gollie
from gner_core.systems.instructuie.system import InstructUie
from gner_core.systems.interface import Reader, Scored, TextSystem
from gner_core.systems.naming import NamedReader, NamedScoredSystem, NamedSystem, type_names
from gner_core.systems.own import own_system
from gner_core.systems.uniner.system import UniNer

TEXT_SYSTEMS: dict[str, Callable[[Any], TextSystem]] = {
    "uniner": UniNer,
    "instructuie": InstructUie,
    "gollie": Gollie,
    "own": own_system,
}
"""Kind → class of the systems whose language model continues prompts."""
READERS: dict[str, Callable[[Any], Reader]] = {"gliner": GlinerReader, "chat": ChatReader}
"""Kind → class that reads the answers of a system that answers by itself."""


def text_system(params: ComparedSystem) -> TextSystem:
    """Return the text system of params; it takes and gives our types.

    Raises:
        InputError: for a file that the params name and that cannot be read.
    """
    system = TEXT_SYSTEMS[params.kind](params)
    names = type_names(params.type_names)
    if not names:
        return system
    return (NamedScoredSystem if isinstance(system, Scored) else NamedSystem)(system, names)


def reader(params: ComparedSystem) -> Reader:
    """Return what reads the answers of any system; it takes and gives our types.

    Raises:
        InputError: as `text_system`.
    """
    if params.kind in TEXT_SYSTEMS:
        return text_system(params)
    names = type_names(params.type_names)
    read = READERS[params.kind](params)
    return NamedReader(read, names) if names else read
