"""Tells a file by its keys, so that one of another kind is named for what it is."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from gner_core.config.reading.defaults import EVERY
from gner_core.errors import InputError

Kind = Literal[
    "study",
    "sweep",
    "re-evaluation",
    "results",
    "defaults",
    "experiment",
    "checkpoint",
    "backbone",
    "device",
    "energy",
    "scoring",
    "catalog",
    "lengths",
    "template",
    "table",
]
USES: Mapping[Kind, str] = {
    "re-evaluation": "use: gner reevaluate --scan {path}",
    "results": "use: gner report results {path}",
    "scoring": "name it in an experiment: scoring: {path}",
    "backbone": "name it in an experiment: backbone: {path}",
    "checkpoint": "test it in an experiment, of: {{ checkpoint: {path} }}, or use it: gner predict {path}",
    "catalog": "name it in an experiment: corpora: {path}",
    "device": "name the device: gner run FILE --dry-run --device {stem}",
    "energy": "gner run FILE --dry-run --device NAME reads it",
    "lengths": "gner run FILE --dry-run --device NAME reads it",
    "template": "name it in an experiment: system: {{kind: chat, template: {path}}}",
    "defaults": "every experiment has them; run one of your own",
    "table": "name it in a system: system: {{ type_names: {path} }}",
}
"""Kind that cannot be run → what it is good for."""


def kind_of(values: Mapping[str, Any]) -> Kind:
    """Return the kind of a file; whatever is nothing else is an experiment."""
    return next((kind for kind, is_one in FORMS if is_one(values)), "experiment")


def _has_entries(values: Mapping[str, Any], *keys: str) -> bool:
    """Say whether values are sections, some of which have one of the keys."""
    sections = [one for one in values.values() if isinstance(one, Mapping)]
    return len(sections) == len(values) and any({*keys} & one.keys() for one in sections)


def _below(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is in the sections of values."""
    sections = [one for one in values.values() if isinstance(one, Mapping)]
    return {key: value for section in sections for key, value in section.items()}


def _has_texts(values: Mapping[str, Any]) -> bool:
    return bool(values) and all(isinstance(text, str) for text in values.values())


def _has_every(values: Mapping[str, Any]) -> bool:
    return any(EVERY in section for section in values.values() if isinstance(section, Mapping))


FORMS: Sequence[tuple[Kind, Callable[[Mapping[str, Any]], bool]]] = (
    ("study", lambda v: "parts" in v),
    ("sweep", lambda v: "axes" in v),
    ("re-evaluation", lambda v: "champion" in v),
    ("results", lambda v: {"page", "groups"} <= v.keys()),
    ("defaults", _has_every),
    ("experiment", lambda v: bool({"stages", "tests", "extends", "corpora"} & v.keys())),
    ("checkpoint", lambda v: {"source", "family", "system"} <= v.keys()),
    ("backbone", lambda v: {"source", "family"} <= v.keys()),
    ("device", lambda v: "flops" in v),
    ("energy", lambda v: "kg_per_kwh" in v),
    ("scoring", lambda v: bool({"confidence_bins", "left_out", "resamples"} & v.keys())),
    ("template", lambda v: v.keys() == {"system", "user"}),
    ("catalog", lambda v: _has_entries(v, "files", "licence")),
    ("lengths", lambda v: _has_entries(_below(v), "words", "like")),
    ("table", lambda v: not {"backbone", "data_root"} & v.keys() and _has_texts(v)),
)
"""Kind of a file → whether values are such a one; the first that fits counts."""


def refuse_other_kind(values: Mapping[str, Any], path: Path) -> None:
    """Refuse a file that cannot be run.

    Raises:
        InputError: that names what it is and what it is good for.
    """
    kind = kind_of(values)
    if kind in USES:
        article = "an" if kind[0] in "ae" else "a"
        what = {
            "catalog": "a catalog of corpora",
            "defaults": "the defaults of experiments",
            "table": "a table of types",
        }
        use = USES[kind].format(path=path, stem=path.stem)
        raise InputError(
            f"{path}: {what.get(kind, f'{article} {kind} file')}, no experiment; {use}"
        )
