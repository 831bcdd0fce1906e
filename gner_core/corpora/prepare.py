"""Converts a published corpus to BIO sentences with the label names of its params."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from gner_core.config.corpus import (
    CorpusParams,
    ParquetFormat,
    QuestionsFormat,
    Split,
    TaggedFormat,
    TextFormat,
)
from gner_core.corpora import cutting
from gner_core.corpora.readers import READERS
from gner_core.corpora.readers.positions import DISCONTINUOUS
from gner_core.corpora.readers.raw import Raw, RawSentence, RawSpans, RawText
from gner_core.corpora.tag_schemes import BioTags, TagError
from gner_core.corpora.tokens import tag_words, tokenise
from gner_core.errors import InputError
from gner_core.records import Sentence
from gner_core.type_names import plain_label

PACKAGED = Path(__file__).parent / "demo"
WIDENED = "entities widened to whole words"
CHANGES = (
    WIDENED,
    "overlapping entities left out",
    "second labels of the same words left out",
    "entities of blanks left out",
    DISCONTINUOUS,
)
"""Repairs after which an entity is not what was annotated."""


def corpus_folder(data_root: str) -> Path:
    """Return the folder that holds corpus files; "package" means the demo corpora of gner."""
    return PACKAGED if data_root == "package" else Path(data_root)


def split_files(params: CorpusParams, folder: Path, *, split: Split) -> list[Path]:
    """Return the files of a split, sorted by name; of a folder, all its texts and annotations.

    Sorted, so that order and ids of sentences do not depend on params or a folder's listing.

    Raises:
        InputError: when one is missing, or an annotation file has no text.
    """
    files: list[Path] = []
    for name in sorted(params.files[split]):
        path = folder / name
        if name.endswith("/") and path.is_dir():
            found = sorted(path.rglob("*.txt"), key=lambda file: file.as_posix())
            if not found:
                raise InputError(f"{path}: no .txt file in this corpus folder")
            annotated = sorted(path.rglob("*.ann"), key=lambda file: file.as_posix())
            for file in annotated:
                if not file.with_suffix(".txt").is_file():
                    raise InputError(f"{file}: no .txt file beside this .ann file")
            files += [*found, *annotated]
        elif path.is_file():
            files.append(path)
        else:
            raise InputError(f"{path}: no such corpus file; check data_root and corpora")
    return files


def stream_split(
    name: str, params: CorpusParams, *, split: Split, folder: Path, repairs: Counter[str]
) -> Iterator[Sentence]:
    """Read, convert and check one split of a corpus, sentence by sentence.

    Args:
        name: the corpus' name, used in ids.
        repairs: counts what was mended or left out, by kind.

    Raises:
        InputError: for a fault in a file, with file and line, for a split without sentences, and
            at its end when more entities had to be changed than the params allow.
    """
    form = params.format
    scheme = form.scheme if isinstance(form, TaggedFormat) else "bio"
    bio = BioTags(scheme=scheme, labels=params.labels, labels_to_o=params.labels_to_o)
    unit = "row" if isinstance(form, ParquetFormat) else "line"
    closed = () if params.labels == "open" else tuple(dict.fromkeys(params.labels.values()))
    number = entities = 0
    before = Counter(repairs)
    files = [file for file in split_files(params, folder, split=split) if file.suffix != ".ann"]
    for file in files:
        for raw in READERS[form.kind](file, form, repairs):
            entities += 0 if isinstance(raw, RawSentence) else len(raw.mentions)
            tagged = _with_tags(raw, params, repairs)
            words, tags = _convert(tagged, bio, f"{file}, {unit}", repairs)
            questions = _types_of_questions(tags, tagged, params)
            for start, end in _pieces(words, tags, tagged, params.cut_at_words, repairs):
                piece = tags[start:end]
                types = closed or _open_types(piece, questions)
                identity = f"{name}/{split}/{number}"
                yield Sentence(identity, name, tuple(words[start:end]), piece, types)
                number += 1
    named = ", ".join(str(file) for file in files[:3])
    if not number:
        raise InputError(f"{named}: no sentence found for {name}, split {split}")
    done = repairs - before
    check_changes(done, entities + done[DISCONTINUOUS], params, where=named)


def check_changes(
    repairs: Mapping[str, int], entities: int, params: CorpusParams, *, where: str
) -> None:
    """Refuse to change more entities than allowed; the mentions of answers have no positions.

    Raises:
        InputError: when more of the `entities` that files hold are changed than the params allow.
    """
    changes = {kind: repairs[kind] for kind in CHANGES if repairs.get(kind)}
    # Of two entities that are widened to the same words one is left out, too.
    share = min(sum(changes.values()) / max(entities, 1), 1.0)
    if share > params.changed_at_most and not isinstance(params.format, QuestionsFormat):
        found = ", ".join(f"{count:,} {kind}" for kind, count in changes.items())
        by_blanks = isinstance(params.format, TextFormat) and params.format.tokens == "blanks"
        splitting = "write tokens: words, " if by_blanks and WIDENED in changes else ""
        raise InputError(
            f"{where}: {share:.1%} of {entities:,} entities would be changed ({found}); "
            f"{params.changed_at_most:.1%} are allowed: correct the annotations, {splitting}"
            "or raise changed_at_most (of gner init: --changed-at-most)"
        )


def _with_tags(raw: Raw, params: CorpusParams, repairs: Counter[str]) -> RawSentence:
    """Return words with tags. Mentions whose labels become O are dropped before overlaps."""
    if isinstance(raw, RawSentence):
        return raw
    mentions = raw.mentions
    if params.labels_to_o:
        to_o = set(map(plain_label, params.labels_to_o))
        mentions = [one for one in mentions if plain_label(one.label) not in to_o]
    if isinstance(raw, RawSpans):
        return tag_words(RawSpans(raw.words, mentions, raw.line), repairs=repairs)
    form = params.format
    assert isinstance(form, TextFormat), f"{form.kind}: its reader yields text"
    return tokenise(
        RawText(raw.text, mentions, raw.line, raw.unanswered),
        rule=form.tokens,
        repairs=repairs,
        with_starts=params.cut_at_words is not None,
    )


def _convert(
    raw: RawSentence, bio: BioTags, where: str, repairs: Counter[str]
) -> tuple[list[str], tuple[str, ...]]:
    """Drop blank words, squeeze runs of blanks inside words, convert the tags."""
    words, tags, lines = raw.words, raw.tags, raw.lines
    # A fast test that no word is empty or holds a blank, the usual case.
    if " ".join(words).split() != words:
        plain = [" ".join(word.split()) for word in words]
        kept = [position for position, word in enumerate(plain) if word]
        if len(kept) < len(words):
            repairs["blank tokens dropped"] += len(words) - len(kept)
        squeezed = sum(plain[position] != words[position] for position in kept)
        if squeezed:
            repairs["blanks inside or around tokens squeezed"] += squeezed
        words = [plain[position] for position in kept]
        tags = [tags[position] for position in kept]
        lines = [lines[position] for position in kept]
    try:
        return words, bio.convert(tags, repairs=repairs)
    except TagError as error:
        raise InputError(f"{where} {lines[tags.index(error.tag)]}: {error}") from None


def _pieces(
    words: list[str],
    tags: tuple[str, ...],
    raw: RawSentence,
    limit: int | None,
    repairs: Counter[str],
) -> Iterator[tuple[int, int]]:
    if not words:
        repairs["sentences without words dropped"] += 1
        return
    if limit is None or len(words) <= limit:
        yield 0, len(words)
        return
    starts = raw.starts
    if starts is None or len(words) < len(raw.words):
        starts = cutting.starts_among_words(words)
    found = list(cutting.pieces(tags, starts, limit=limit))
    if len(found) > 1:
        repairs["passages cut into pieces"] += 1
        repairs["pieces of cut passages"] += len(found)
    too_long = sum(end - start > limit for start, end in found)
    if too_long:
        repairs["sentences over the limit kept whole"] += too_long
    yield from found


def _types_of_questions(
    tags: tuple[str, ...], raw: RawSentence, params: CorpusParams
) -> tuple[str, ...]:
    """Return the types of the questions about a passage, which count for each piece of it."""
    form = params.format
    if not isinstance(form, QuestionsFormat) or form.unanswered_types == "drop":
        return ()
    return _open_types(tags, tuple(t for t in raw.unanswered if t not in params.labels_to_o))


def _open_types(tags: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    present = dict.fromkeys(tag[2:] for tag in tags if tag != "O")
    return tuple(dict.fromkeys((*present, *others)))
