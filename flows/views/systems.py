"""Lines that show which systems have the environment that they need."""

from collections.abc import Iterator, Mapping

from gner_core.systems.gliner.environment import Found

ADVICE = {
    "installed": "",
    "outdated": "; made for another version of gner, run: gner systems install {name}",
    "missing": "; run: gner systems install {name}",
}
"""State → what follows it."""


def system_lines(found: Mapping[str, Found]) -> Iterator[str]:
    """Yield a line a system with its state, and where it is there, its packages and its folder."""
    for name, one in found.items():
        yield f"{name}  {one.state}{ADVICE[one.state].format(name=name)}"
        if one.facts:
            yield "  " + ", ".join(f"{key} {value}" for key, value in one.facts.items())
            yield f"  {one.folder}"
