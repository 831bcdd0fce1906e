"""Says which files of a user are which split, by the names of files and folders."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from os.path import commonpath, normpath
from pathlib import Path, PurePath
from typing import TypeVar

from gner_core.config.corpus import Split
from gner_core.errors import InputError

Path_ = TypeVar("Path_", bound=PurePath)
SPLITS: dict[str, Split] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("valid", "validation", "val", "dev", "devel", "testa"), "valid"),
    **dict.fromkeys(("development",), "valid"),
    **dict.fromkeys(("test", "testing", "testb"), "test"),
}
"""Part of a file's or folder's name → split."""
TABLES = (".parquet", ".arrow")
SUFFIXES = (
    *TABLES,
    *(".jsonl", ".ndjson", ".json", ".conll", ".conllu", ".conllup", ".bio", ".iob", ".iob2"),
    *(".bioes", ".tsv", ".pubtator", ".txt"),
)
"""Of a folder, files that may hold a corpus."""
NO_CORPUS = re.compile(r"(?i)readme|license|licence|labels|tags|requirements|config|notes")
NO_CORPUS_JSON = ("dataset_info", "dataset_infos", "dataset_dict", "state", "package")

ANY_CORPUS = (
    "all",
    "admin",
    "annotations",
    "corpus",
    "data",
    "dataset",
    "export",
    "output",
    "result",
)
"""Parts of names that say nothing about a corpus; the first two are those of doccano's files."""


def corpus_files(paths: Sequence[Path]) -> tuple[Path, dict[Split, tuple[str, ...]]]:
    """Return the folder of a corpus, and the files of each split, relative to it.

    A folder of brat files ends with a slash. Files whose names say no split are of train.

    Raises:
        InputError: for a path that is missing, or a folder without corpus files.
    """
    found: list[tuple[Path, Path]] = []
    for path in paths:
        if path.is_dir():
            found += [(file, path) for file in _inside(path)]
        elif path.is_file():
            is_brat = path.suffix == ".ann" or path.with_suffix(".ann").is_file()
            found.append((path.parent if is_brat else path, path.parent))
        else:
            raise InputError(f"{path}: no such file or folder")
    found = list(dict.fromkeys((_plain(file), _plain(root)) for file, root in found))
    base = Path(commonpath([file.parent for file, _ in found]))
    splits = [split_of(file, root) for file, root in found]
    names = [f"{file.relative_to(base).as_posix()}{'/' * file.is_dir()}" for file, _ in found]
    return base, by_split(names, splits)


def name_of(given: Path | str) -> str:
    """Return the name of a corpus: as given, or that of its file, or of the folder that holds it.

    Names such as `train` or `all`, which many files have, say less than the name of the folder.
    """
    if isinstance(given, str):
        return plain_name(given)
    name = plain_name(given.stem if given.is_file() else given.name)
    says_nothing = set(name.split("-")) <= {*SPLITS, *ANY_CORPUS}
    return plain_name(given.parent.name) if says_nothing and given.parent.name else name


def plain_name(text: str) -> str:
    """Return a name for files and keys made of a file's name."""
    plain = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60] or "my-corpus"


def by_split(names: Sequence[str], splits: Sequence[Split | None]) -> dict[Split, tuple[str, ...]]:
    """Return the names of each split, sorted; those without one are of train."""
    order: tuple[Split, ...] = ("train", "valid", "test")
    pairs = list(zip(names, splits, strict=True))
    found = {one: sorted(name for name, said in pairs if (said or "train") == one) for one in order}
    return {split: tuple(files) for split, files in found.items() if files}


def split_of(file: PurePath, root: PurePath) -> Split | None:
    """Return the split that a file's name says, or else that of a folder between it and `root`."""
    inside = file.relative_to(root).parts if file != root else (file.name,)
    for name in reversed(inside):
        parts = re.split(r"[^a-z0-9]+|(?<=[a-z])(?=[0-9])", name.lower())
        said = [SPLITS[part] for part in parts if part in SPLITS]
        if said:
            return said[-1]
    return None


def _plain(path: Path) -> Path:
    """Return an absolute path without `..`; links stay, since their targets may have other names."""
    return Path(normpath(path.absolute()))


def _inside(folder: Path) -> list[Path]:
    """Return the corpus files of a folder: of the most frequent kind, named splits first."""
    annotated = sorted({file.parent for file in folder.rglob("*.ann")})
    if annotated:
        tops = [folder / file.relative_to(folder).parts[0] for file in annotated if file != folder]
        splits = sorted({top for top in tops if split_of(top, folder)})
        return splits if len(splits) == len(set(tops)) and folder not in annotated else [folder]
    names = corpus_names(
        [file.relative_to(folder) for file in sorted(folder.rglob("*")) if file.is_file()]
    )
    if not names:
        raise InputError(f"{folder}: no corpus file in this folder ({', '.join(SUFFIXES)})")
    return [folder / name for name in names]


def corpus_names(names: Sequence[Path_]) -> list[Path_]:
    """Return which files of a folder hold its corpus, by their names: one kind, best with splits."""
    files = [
        name
        for name in names
        if name.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in name.parts)
        and not NO_CORPUS.match(name.name)
        and not name.name.startswith("cache-")
        and name.stem not in NO_CORPUS_JSON
    ]
    named = [name for name in files if split_of(name, PurePath())] or files
    kinds = Counter(name.suffix.lower() for name in named)
    suffix = next((kind for kind in TABLES if kind in kinds), None)
    suffix = suffix or max(kinds, key=lambda kind: kinds[kind], default="")
    return [name for name in named if name.suffix.lower() == suffix]
