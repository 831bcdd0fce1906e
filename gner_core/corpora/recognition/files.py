"""Says which files of a user are which split, by the names of files and folders."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from os.path import commonpath, normpath, relpath
from pathlib import Path, PurePath
from typing import NamedTuple, TypeVar

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


class CorpusFiles(NamedTuple):
    """The files of a corpus, relative to its folder."""

    folder: Path
    splits: dict[Split, tuple[str, ...]]
    """A folder of brat files ends with a slash."""
    left_out: tuple[str, ...]
    """Files that seem to be of a corpus, too, or whose names say a split."""


def corpus_files(paths: Sequence[Path]) -> CorpusFiles:
    """Return the files of a corpus by split. Files whose names say no split are of train.

    Raises:
        InputError: for a path that is missing or not in UTF-8, or a folder without corpus files.
    """
    found: list[tuple[Path, Path]] = []
    left_out: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside, others = _inside(path)
            found += [(file, path) for file in inside]
            left_out += others
        elif path.is_file():
            is_brat = path.suffix == ".ann" or path.with_suffix(".ann").is_file()
            found.append((path.parent if is_brat else path, path.parent))
        else:
            raise InputError(f"{path}: no such file or folder")
    found = list(dict.fromkeys((_plain(file), _plain(root)) for file, root in found))
    _refuse_other_encodings(file for file, _ in found)
    base = Path(commonpath([file.parent for file, _ in found]))
    splits = [split_of(file, root) for file, root in found]
    names = [f"{file.relative_to(base).as_posix()}{'/' * file.is_dir()}" for file, _ in found]
    given = {file for file, _ in found}
    others = [file for file in map(_plain, left_out) if file not in given]
    return CorpusFiles(base, by_split(names, splits), tuple(relpath(one, base) for one in others))


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


def _refuse_other_encodings(files: Iterable[Path]) -> None:
    for file in files:
        if any("\ud800" <= sign <= "\udfff" for sign in str(file)):
            raise InputError(
                f"{str(file)!r}: a name that is not in UTF-8; rename the file or folder"
            )


def _inside(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the corpus files of a folder, and what is left out, as `corpus_names`."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    annotated = {file.parent for file in files if file.suffix == ".ann"}
    if annotated:
        tops = {folder / one.relative_to(folder).parts[0] for one in annotated if one != folder}
        splits = sorted(top for top in tops if split_of(top, folder))
        others = sorted(tops.difference(splits)) if splits else []
        if splits and folder in annotated:
            others += sorted(file for file in folder.glob("*.ann"))
        texts = [file for file in files if file.suffix not in (".txt", ".ann")]
        return splits or [folder], [*others, *(file for file in texts if _says_a_split(file))]
    names, others = corpus_names([file.relative_to(folder) for file in files])
    if not names:
        raise InputError(f"{folder}: no corpus file in this folder ({', '.join(SUFFIXES)})")
    return [folder / name for name in names], [folder / name for name in others]


def corpus_names(names: Sequence[Path_]) -> tuple[list[Path_], list[Path_]]:
    """Return which files of a folder hold its corpus, by their names, and which may do so, too.

    Of files with splits in their names and others, it is the former. Of those with several endings,
    as the same corpus in two forms, it is one: a table, else that of the most splits and files;
    splits that it lacks are of the next one. Left out are other files of a corpus, and files of any
    kind that have the name of a split.
    """
    seen = [name for name in names if not any(part.startswith(".") for part in name.parts)]
    files = [
        name
        for name in seen
        if name.suffix.lower() in SUFFIXES
        and not NO_CORPUS.match(name.name)
        and not name.name.startswith("cache-")
        and name.stem not in NO_CORPUS_JSON
    ]
    named = [name for name in files if split_of(name, PurePath())] or files
    kinds: dict[str, list[Path_]] = {}
    for name in named:
        kinds.setdefault(name.suffix.lower(), []).append(name)

    def worth(kind: str) -> tuple[bool, int, int]:
        return kind in TABLES, len(_splits(kinds[kind])), len(kinds[kind])

    kept: list[Path_] = []
    for kind in sorted(kinds, key=worth, reverse=True):
        lacking = _splits(kinds[kind]) - _splits(kept)
        kept += [name for name in kinds[kind] if split_of(name, PurePath()) in lacking]
    may_be = [name for name in seen if name in files or _says_a_split(name)]
    return kept, [name for name in may_be if name not in kept]


def _splits(names: Sequence[PurePath]) -> set[Split | None]:
    return {split_of(name, PurePath()) for name in names}


def _says_a_split(file: PurePath) -> bool:
    """Say whether the name of a file, and not only that of its folder, says a split."""
    return split_of(PurePath(file.name), PurePath()) is not None
