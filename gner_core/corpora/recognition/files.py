"""Says which files of a user are which split, by the names of files and folders."""

import re
from collections import Counter
from collections.abc import Sequence
from os.path import commonpath
from pathlib import Path

from gner_core.config.corpus import Split
from gner_core.errors import InputError

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
    found = list(dict.fromkeys((file.resolve(), root.resolve()) for file, root in found))
    folders = [file if file != root else root.parent for file, root in found]
    base = Path(
        commonpath(
            [
                folder if folder != file else file.parent
                for folder, (file, _) in zip(folders, found, strict=True)
            ]
        )
    )
    splits: dict[Split, list[str]] = {}
    named = [split_of(file, root) for file, root in found]
    for (file, _), split in zip(found, named, strict=True):
        name = file.relative_to(base).as_posix() + "/" * file.is_dir()
        splits.setdefault(split or "train", []).append(name)
    order: tuple[Split, ...] = ("train", "valid", "test")
    return base, {split: tuple(sorted(splits[split])) for split in order if split in splits}


def split_of(file: Path, root: Path) -> Split | None:
    """Return the split that a file's name says, or else that of a folder between it and `root`."""
    inside = file.relative_to(root).parts if file != root else (file.name,)
    for name in reversed(inside):
        parts = re.split(r"[^a-z0-9]+|(?<=[a-z])(?=[0-9])", name.lower())
        said = [SPLITS[part] for part in parts if part in SPLITS]
        if said:
            return said[-1]
    return None


def _inside(folder: Path) -> list[Path]:
    """Return the corpus files of a folder: of the most frequent kind, named splits first."""
    annotated = sorted({file.parent for file in folder.rglob("*.ann")})
    if annotated:
        tops = [folder / file.relative_to(folder).parts[0] for file in annotated if file != folder]
        splits = sorted({top for top in tops if split_of(top, folder)})
        return splits if len(splits) == len(set(tops)) and folder not in annotated else [folder]
    files = [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and file.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and not NO_CORPUS.match(file.name)
        and not file.name.startswith("cache-")
        and file.stem not in NO_CORPUS_JSON
    ]
    if not files:
        raise InputError(f"{folder}: no corpus file in this folder ({', '.join(SUFFIXES)})")
    named = [file for file in files if split_of(file, folder)] or files
    kinds = Counter(file.suffix.lower() for file in named)
    suffix = next((kind for kind in TABLES if kind in kinds), kinds.most_common(1)[0][0])
    return [file for file in named if file.suffix.lower() == suffix]
