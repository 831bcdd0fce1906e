"""Params of a system of one's own, which is a Python file outside of gner."""

from typing import Any, ClassVar, Literal

from gner_core.config.systems.base import TextSystemParams


class OwnSystem(TextSystemParams):
    """A text system whose class `System` a Python file defines; the file is run."""

    FILES: ClassVar[tuple[str, ...]] = (*TextSystemParams.FILES, "file")

    kind: Literal["own"]
    file: str
    """The Python file. Only one that the params name is run, never one that a checkpoint names."""
    params: dict[str, Any]
    """Keyword arguments of its class `System`."""
