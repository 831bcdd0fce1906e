"""The template engine of all HTML pages: it escapes every text, and fails for unknown names."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gner_core.reports import tables


def templates() -> Environment:
    """Return the engine for the templates of this folder; filters may be added to it."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["thousands"] = lambda number: f"{number:,}"
    environment.filters["csv_address"] = tables.address
    environment.filters["csv_name"] = tables.file_name
    return environment
