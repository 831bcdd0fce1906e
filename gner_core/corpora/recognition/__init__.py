"""Recognises the format of a user's own CoNLL or JSON file, and writes its catalog entry."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gner_core.config.corpus import CorpusParams
from gner_core.corpora.prepare import stream_split
from gner_core.corpora.readers.raw import text_lines
from gner_core.corpora.recognition.columns import recognise_columns
from gner_core.corpora.recognition.fields import recognise_fields
from gner_core.corpora.statistics import count
from gner_core.errors import InputError

SPELLED_OUT = {
    "per": "person",
    "loc": "location",
    "org": "organization",
    "gpe": "geopolitical entity",
}
"""Common abbreviations of labels; prompts name types in words."""


@dataclass(frozen=True)
class Recognised:
    """The format of a file.

    `snippet` is its catalog entry, as YAML. `problems` names lines that do not fit, and decisions
    that the file leaves open; counts are empty where the file cannot be read.
    """

    snippet: str
    statistics: dict[str, Any]
    repairs: dict[str, int]
    problems: tuple[str, ...]


def recognise(path: Path) -> Recognised:
    """Guess the format and labels of a file, and read the whole file accordingly.

    Raises:
        InputError: when it cannot be read, or is neither CoNLL columns nor JSON records with tags
            or entities.
    """
    form, problems = recognise_fields(path) if _is_json(path) else recognise_columns(path)
    params = _params(path, form, labels="open")
    repairs: Counter[str] = Counter()
    statistics: dict[str, Any] = {}
    try:
        sentences = stream_split(
            path.stem, params, split="train", folder=path.parent, repairs=repairs
        )
        statistics = count(sentences)
        labels = {
            label: SPELLED_OUT.get(label.lower()) or label.replace("_", " ").strip() or label
            for label in statistics["entities_by_type"]
        }
        if labels:
            params = _params(path, form, labels=labels)
        else:
            problems = (*problems, f"{path}: no entity in the whole file")
    except InputError as error:
        if str(error) not in problems:
            problems = (*problems, str(error))
        repairs.clear()
    return Recognised(_snippet(path, params), statistics, dict(repairs), problems)


def _is_json(path: Path) -> bool:
    first = next((line.strip() for _, line in text_lines(path) if line.strip()), "")
    if not first:
        raise InputError(f"{path}: empty")
    if first in ("{", "[", "[{"):
        return True
    try:
        return isinstance(json.loads(first), dict | list)
    except (ValueError, RecursionError):
        return first.startswith(("{", "[")) and "\t" not in first and '":' in first


def _params(path: Path, form: dict[str, Any], *, labels: Any) -> CorpusParams:
    return CorpusParams.model_validate(
        {
            "files": {"train": (path.name,)},
            "format": form,
            "labels": labels,
            "labels_to_o": (),
            "cut_at_words": None,
            "licence": "none stated",
            "origin": "own corpus",
        }
    )


def _snippet(path: Path, params: CorpusParams) -> str:
    values = params.model_dump(mode="json", exclude_defaults=True)
    values["format"] = params.format.model_dump(mode="json", exclude_defaults=True)
    name = "".join(c if c.isalnum() else "-" for c in path.stem.lower()).strip("-") or "my-corpus"
    text = yaml.safe_dump({name: values}, sort_keys=False, allow_unicode=True, width=100)
    return str(text)
