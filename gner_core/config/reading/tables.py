"""Tables in YAML: the names that a system has for our types, the definitions of types."""

from pathlib import Path

from gner_core.config.reading.plain_yaml import read_text
from gner_core.errors import InputError


def read_table(path: Path) -> dict[str, str]:
    """Read a YAML file that maps texts to texts.

    Raises:
        InputError: for a file that is missing or holds anything else.
    """
    try:
        values = read_text(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: must map types to texts, a line each: `person: Person`")
    for name, text in values.items():
        if not isinstance(name, str) or not isinstance(text, str) or not text.strip():
            raise InputError(f"{path}: {name}: must be a text, got {text!r}; write it in quotes")
    return values
