"""Recognises the format of a user's own corpus, reads it, and writes its catalog entry."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gner_core.config.corpus import CorpusParams, HubSource, Split, TextFormat
from gner_core.config.reading.plain_yaml import as_yaml
from gner_core.corpora.prepare import CHANGES, WIDENED, check_changes
from gner_core.corpora.readers.raw import text_lines
from gner_core.corpora.readers.tables import is_table
from gner_core.corpora.recognition.columns import recognise_columns
from gner_core.corpora.recognition.fields import recognise_fields
from gner_core.corpora.recognition.reading import Source, SplitFound, read_split
from gner_core.errors import InputError
from gner_core.type_names import fault_of_type, one_blank, type_key

SPELLED_OUT = {
    "per": "person",
    "pers": "person",
    "loc": "location",
    "org": "organization",
    "gpe": "geopolitical entity",
    "misc": "miscellaneous",
}
"""Common abbreviations of labels; prompts name types in words."""
LOOKED_AT = 1000
"""Sentences that are read first, to see whether words must be split."""
JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
LONG = 100
"""Words of a file without an empty line that are too many for a sentence."""
BLANK = "blank tokens dropped"
MANY_BLANK = 0.01
"""Share of blank tokens from which their column may be a wrong one."""
_PLACE = re.compile(r".+?, (?:line|row) \d+: ")
_PUBTATOR = re.compile(r"[^|\t]+\|t\|")


@dataclass
class Recognised:
    """The format of a corpus.

    `problems` names lines that do not fit, and decisions that the files leave open; `splits` is
    empty where the corpus cannot be read.
    """

    name: str
    folder: Path
    params: CorpusParams
    problems: list[str]
    splits: dict[Split, SplitFound] = field(default_factory=dict)

    def files_with(self, label: str) -> list[str]:
        """Return the files of the splits that have a label."""
        return [
            name
            for split, part in self.splits.items()
            if label in part.labels
            for name in self.params.files[split]
        ]

    @property
    def snippet(self) -> str:
        """Its catalog entry, as YAML."""
        return entry(self.name, self.params)


def recognise(
    folder: Path,
    files: Mapping[Split, tuple[str, ...]],
    *,
    name: str,
    changed_at_most: float = 0.01,
    seed: int = 1,
    sources: tuple[HubSource, ...] = (),
) -> Recognised:
    """Guess format and labels of the files of a corpus, and read all of them accordingly.

    Args:
        changed_at_most: as in `CorpusParams`.
        seed: of the hashes by which splits are drawn.
        sources: where the files were fetched from.

    Raises:
        InputError: when a file cannot be read, or is neither CoNLL columns nor records with tags
            or entities.
    """
    names = files.get("train") or next(iter(files.values()))
    form, problems = _form(max((folder / one for one in names), key=_size))
    values = {"changed_at_most": changed_at_most, "sources": sources}
    params = _params(files, form, labels="open", **values)
    found = Recognised(name, folder, params, list(problems))
    try:
        if "tag_names" not in form:
            _read(found, seed)
        for split, part in found.splits.items():
            left_out = sum(part.repairs.get(kind, 0) for kind in CHANGES if "left out" in kind)
            entities = part.statistics["entities"] + left_out
            check_changes(part.repairs, entities, params, where=f"{folder / files[split][0]}")
    except InputError as error:
        place = _PLACE.match(str(error))
        if not place or not any(problem.startswith(place[0]) for problem in found.problems):
            found.problems.append(str(error))
        found.splits = {}
    _look(found)
    labels = plain_names(found)
    if labels:
        found.params = _params(files, found.params.format.model_dump(), labels=labels, **values)
        found.problems += [*_shared_names(found, labels), *_tags_among(labels)]
    return found


def entry(name: str, params: CorpusParams) -> str:
    """Return the catalog entry of a corpus as YAML."""
    values = params.model_dump(mode="json", exclude_defaults=True)
    values["format"] = params.format.model_dump(mode="json", exclude_defaults=True)
    if "sources" in values:
        values["sources"] = [one.model_dump(mode="json") for one in params.sources]
    if "made" in values:
        values["made"] = {s: rule.model_dump(mode="json") for s, rule in params.made.items()}
    return as_yaml({name: values})


def plain_names(found: Recognised) -> dict[str, str]:
    """Return the labels that occur with their names in prompts; labels of one type have one name.

    Raises:
        InputError: for a label that cannot be the name of a type.
    """
    names: dict[str, str] = {}
    shared: dict[str, str] = {}
    for label in sorted({label for part in found.splits.values() for label in part.labels}):
        name = SPELLED_OUT.get(label.lower()) or one_blank(label.replace("_", " ")) or label
        if name.startswith(("B-", "I-")):  # as B-cell, which is read as a tag
            name = name.replace("-", " ", 1)
        if fault := fault_of_type(name):
            files = ", ".join(str(found.folder / file) for file in found.files_with(label))
            raise InputError(f"{files}: label {label!r} {fault}; rename it in the files")
        names[label] = shared.setdefault(type_key(name), name)
    return names


def _shared_names(found: Recognised, names: Mapping[str, str]) -> Iterator[str]:
    """Yield the types that several labels have become, of one split or of several."""
    labels: dict[str, list[str]] = {}
    for label, name in names.items():
        labels.setdefault(name, []).append(label)
    several = {name: some for name, some in labels.items() if len(some) > 1}
    occur = {split: part.labels for split, part in found.splits.items()} if several else {}
    for name, some in several.items():
        where = ", ".join(
            f"{label} ({', '.join(split for split, known in occur.items() if label in known)})"
            for label in some[:8]
        )
        yield (
            f"several labels are one type, {name}: {where}; if they are not, give them names of "
            "their own in labels"
        )


def _tags_among(labels: Iterable[str]) -> Iterator[str]:
    """Yield the labels that are tags of other labels, as B-PER beside PER."""
    known = {*labels}
    for label in sorted(known):
        if label.startswith(("B-", "I-")) and label[2:] in known:
            yield (
                f"{label} is a label beside {label[2:]}: if it is a tag of it, give both one name "
                "in labels, else they are two types"
            )


def _form(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    if path.is_dir():
        return {"kind": "brat", "tokens": "blanks"}, ()
    if is_table(path):
        return recognise_fields(path)
    first = next((line.strip() for _, line in text_lines(path) if line.strip()), "")
    if not first:
        raise InputError(f"{path}: empty")
    if _PUBTATOR.match(first):
        return {"kind": "pubtator", "tokens": "blanks"}, ()
    is_named_json = path.suffix.lower() in JSON_SUFFIXES
    if _is_json(first) or (is_named_json and first.startswith(("{", "["))):
        return recognise_fields(path)
    if is_named_json:
        raise InputError(
            f"{path}: a {path.suffix} file whose first line is no JSON: {first[:60]!r}"
        )
    return recognise_columns(path)


def _is_json(first: str) -> bool:
    if first in ("{", "[", "[{"):
        return True
    try:
        return isinstance(json.loads(first), dict | list)
    except (ValueError, RecursionError):
        return (
            first.startswith(("{", "[")) and "\t" not in first and ('":' in first or "[[" in first)
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def unread(files: Mapping[Split, tuple[str, ...]], source: HubSource) -> CorpusParams:
    """Return the entry of a dataset whose files are still to be fetched and recognised."""
    form = {"kind": "brat", "tokens": "blanks"}  # stands in
    return _params(files, form, labels="open", sources=(source,))


def _params(
    files: Mapping[Split, tuple[str, ...]], form: dict[str, Any], *, labels: Any, **values: Any
) -> CorpusParams:
    return CorpusParams.model_validate(
        {
            "files": files,
            "format": form,
            "labels": labels,
            "labels_to_o": (),
            "cut_at_words": None,
            "licence": "none stated",
            "origin": "own corpus",
            **values,
        }
    )


def read_splits(found: Recognised, seed: int, *, most: int | None = None) -> None:
    """Read all splits, or their first sentences.

    Raises:
        InputError: for a fault in a file.
    """
    sources = {
        split: Source(found.name, found.params, found.folder, split, seed)
        for split in found.params.files
    }
    found.splits = {split: read_split(source, most=most) for split, source in sources.items()}


def _read(found: Recognised, seed: int) -> None:
    """Read all splits; split words where an entity would be widened, as the start may tell."""
    for most in (LOOKED_AT, None, None):
        read_splits(found, seed, most=most)
        form = found.params.format
        repairs = [part.repairs for part in found.splits.values()]
        if isinstance(form, TextFormat) and any(WIDENED in one for one in repairs):
            words = form.model_copy(update={"tokens": "words"})
            found.params = found.params.model_copy(update={"format": words})
        elif most is None:
            return


def _look(found: Recognised) -> None:
    """Add what is doubtful in what was read."""
    for split, part in found.splits.items():
        files = ", ".join(str(found.folder / name) for name in found.params.files[split])
        found.problems += [f"{files}: {doubt}" for doubt in _doubts(part.statistics, found.params)]
        dropped = part.repairs[BLANK]
        tokens = part.statistics["words"] + dropped
        if dropped > MANY_BLANK * tokens:
            found.problems.append(
                f"{files}: {dropped:,} of {tokens:,} tokens are blank and left out; look whether "
                "the words are in another column"
            )
        if part.differing:
            found.problems.append(
                f"{files}: {part.differing:,} sentences repeat others with different entities; "
                "are they of several annotators?"
            )


def _doubts(counts: Mapping[str, Any], params: CorpusParams) -> Iterator[str]:
    """Yield what is doubtful in the counts of a split."""
    sentences, words = counts["sentences"], counts["words"]
    if not counts["entities"]:
        yield "no entity in the whole file"
    if params.format.kind == "conll":
        if sentences == 1 and words > LONG:
            yield f"no empty line in the whole file: one sentence of {words:,} words"
        elif counts["longest"] > 5 * LONG:
            yield f"few empty lines: a sentence of {counts['longest']:,} words"
        elif sentences == words > LONG:
            yield f"an empty line behind every word: {sentences:,} sentences of one word"
