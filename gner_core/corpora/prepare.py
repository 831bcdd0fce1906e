"""Turns one corpus as published into BIO sentences with the paper's label names.

Owns label mapping, repairs (each is counted), cutting of long passages and the check that a
split is not empty. Does not own file formats (`readers`) or the choice of sentences (`sampling`).

Example:
    repairs: Counter[str] = Counter()
    sentences = read_split("news", params, split="train", folder=Path("data"), repairs=repairs)
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from gner_core.corpora.readers import READERS
from gner_core.corpora.readers.raw import RawSentence
from gner_core.corpus_params import CorpusParams, Split
from gner_core.errors import InputError
from gner_core.records import Sentence

PACKAGED = Path(__file__).parent / "demo"
SENTENCE_END = frozenset(".!?")
CLOSING = frozenset("\"')]}”’»")


def corpus_folder(data_root: str) -> Path:
    """Return the folder that holds corpus files; "package" means the demo corpora of gner."""
    return PACKAGED if data_root == "package" else Path(data_root)


def corpus_files(params: CorpusParams, folder: Path) -> list[Path]:
    """Return all files of a corpus.

    Raises:
        InputError: when one is missing.
    """
    files = [folder / name for names in params.files.values() for name in names]
    for file in files:
        if not file.is_file():
            raise InputError(f"{file}: no such corpus file; check data_root and corpora")
    return files


def read_split(
    name: str, params: CorpusParams, *, split: Split, folder: Path, repairs: Counter[str]
) -> list[Sentence]:
    """Read, convert and check one split of a corpus.

    Args:
        name: the corpus' name, used in ids.
        folder: where the files of `params` are.
        repairs: what was mended is counted here, by kind.

    Raises:
        InputError: for a fault in a file, with file and line, and for a split without sentences.
    """
    sentences: list[Sentence] = []
    for file in params.files[split]:
        for raw in READERS[params.format.kind](folder / file, params.format):
            words, tags = _convert(raw, params, folder / file, repairs)
            if not words:
                repairs["sentences without words dropped"] += 1
            for start, end in _pieces(words, tags, params.cut_at_words):
                if start == 0 and end < len(words):
                    repairs["passages cut into pieces"] += 1
                identity = f"{name}/{split}/{len(sentences)}"
                piece = tuple(tags[start:end])
                types = _types(params, piece)
                sentences.append(Sentence(identity, name, tuple(words[start:end]), piece, types))
    if not sentences:
        files = ", ".join(str(folder / file) for file in params.files[split])
        raise InputError(f"{files}: no sentence found for {name}, split {split}")
    return sentences


def _convert(
    raw: RawSentence, params: CorpusParams, file: Path, repairs: Counter[str]
) -> tuple[list[str], list[str]]:
    """Map labels, drop blank tokens, turn an I- that continues nothing into B-."""
    words: list[str] = []
    tags: list[str] = []
    open_label = ""
    for word, tag, line in zip(raw.words, raw.tags, raw.lines, strict=True):
        prefix, label = _read_tag(tag, params, f"{file}, line {line}")
        plain = " ".join(word.split())
        if not plain:
            repairs["blank tokens dropped"] += 1
            continue
        if plain != word:
            repairs["blanks inside or around tokens squeezed"] += 1
        if prefix == "I" and label != open_label:
            repairs["I- without B- turned into B-"] += 1
            prefix = "B"
        words.append(plain)
        tags.append(f"{prefix}-{label}" if label else "O")
        open_label = label
    return words, tags


def _read_tag(tag: str, params: CorpusParams, where: str) -> tuple[str, str]:
    """Return ("O", "") or (prefix, label as asked for)."""
    if tag == "O":
        return "O", ""
    prefix, _, published = tag.partition("-")  # labels may hold hyphens: split at the first
    if prefix not in ("B", "I") or not published:
        raise InputError(f"{where}: unknown tag {tag!r}; expected O, B-<label> or I-<label>")
    if published in params.labels_to_o:
        return "O", ""
    if params.labels == "open":
        return prefix, published
    label = params.labels.get(published)
    if label is None:
        known = ", ".join([*params.labels, *params.labels_to_o])
        raise InputError(f"{where}: label {published!r} is not in the corpus' labels: {known}")
    return prefix, label


def _types(params: CorpusParams, tags: tuple[str, ...]) -> tuple[str, ...]:
    if params.labels == "open":
        return tuple(dict.fromkeys(tag[2:] for tag in tags if tag != "O"))
    return tuple(dict.fromkeys(params.labels.values()))


def _pieces(words: list[str], tags: list[str], limit: int | None) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of pieces that end at sentence ends and hold up to `limit` words.

    A single sentence longer than the limit stays whole, and no entity is ever cut.
    """
    if not words:
        return
    if limit is None or len(words) <= limit:
        yield 0, len(words)
        return
    start, last_end = 0, 0
    for end in [*_sentence_ends(words, tags), len(words)]:
        if end - start > limit and last_end > start:
            yield start, last_end
            start = last_end
        last_end = end
    yield start, len(words)


def _sentence_ends(words: list[str], tags: list[str]) -> Iterator[int]:
    for position in range(1, len(words)):
        before = words[position - 1]
        ended = before in SENTENCE_END or (
            before in CLOSING and position > 1 and words[position - 2] in SENTENCE_END
        )
        if ended and words[position] not in CLOSING and not tags[position].startswith("I-"):
            yield position
