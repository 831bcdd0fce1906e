"""Drafts an experiment on a user's own corpus: its splits, and a file that `gner run` takes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os.path import relpath
from pathlib import Path, PurePath
from textwrap import indent

from gner_core.config.corpus import CorpusParams, HubSource, SameAs, Split, TakenOut
from gner_core.config.reading.files import NO_PATHS
from gner_core.config.reading.plain_yaml import as_yaml_text
from gner_core.corpora.recognition import Recognised, entry, read_splits, recognise
from gner_core.corpora.splits import draw_ranks
from gner_core.errors import InputError

LONG = 150
"""Words of a sentence or passage from which a corpus is cut."""
CUT = 100
"""Words of the pieces that long passages are cut into."""
RARE = 5
"""Entities of a type below which it is named as doubtful."""
MANY = 100
"""Types from which a prompt is likely too long."""
MOST = 2000
"""Sentences that are drawn for valid or test at most."""
SHOWN = 8
"""Names that a doubt lists."""


@dataclass
class Draft:
    """A corpus, its splits, and the experiment on it."""

    found: Recognised
    sentences: dict[Split, int]
    """Sentences of each split, those that are drawn included."""
    doubts: list[str] = field(default_factory=list)
    """What a reader should look at before training."""


def draft_corpus(
    folder: Path,
    files: Mapping[Split, tuple[str, ...]],
    *,
    name: str,
    seed: int,
    changed_at_most: float,
    sources: tuple[HubSource, ...] = (),
    left_out: Sequence[str] = (),
) -> Draft:
    """Recognise the files of a corpus, and say how train, valid and test are made of them.

    Args:
        files: of each split, relative to `folder`.
        sources: where they were fetched from.
        left_out: files beside them that may be of the corpus, to be named.

    Raises:
        InputError: for files that cannot be read, or hold no entity.
    """
    doubts = [f"left out: {_some(left_out)}; give files by name to use them"] if left_out else []
    if len(files) == 1:  # a file alone is what there is to train on, whatever its name
        ((split, names),) = files.items()
        files = {"train": names}
        if split != "train":
            doubts.append(
                f"{_some(names)}: trained on, though its name says {split}; give others, too"
            )
    if "train" not in files:
        raise InputError(
            f"{folder}: files of {' and '.join(files)} by their names, none to train on; "
            "give a training file, too"
        )
    found = recognise(
        folder, files, name=name, changed_at_most=changed_at_most, seed=seed, sources=sources
    )
    if not found.splits:
        raise InputError("\n".join([*found.problems, *_forms(files)]))
    if not any(part.statistics["entities"] for part in found.splits.values()):
        raise InputError(f"{folder / files['train'][0]}: no entity in the whole corpus")
    _cut_long_passages(found, seed)
    sentences = _draw_splits(found, seed)
    return Draft(found, sentences, [*doubts, *found.problems, *_doubts(found)])


def experiment(draft: Draft, *, folder: Path, backbone: str, command: str, notes: str) -> str:
    """Return the text of an experiment file.

    Args:
        folder: where the file will be, to which its paths are relative.
        backbone: path of the backbone's file.
        command: what wrote the file.
        notes: a comment on the backbone.
    """
    name, params = draft.found.name, draft.found.params
    commented = "".join(
        line + COMMENTS.get(line.partition(":")[0], "") + "\n"
        for line in entry(name, params).splitlines()
    )
    valid = min(draft.sentences["valid"], 200)
    data_root = relpath(draft.found.folder, folder)
    if data_root in NO_PATHS:
        data_root = f"./{data_root}"  # a folder of that name
    return TEMPLATE.format(
        command="".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in command),
        name=as_yaml_text(name),
        data_root=as_yaml_text("cache" if params.sources else data_root),
        corpora=indent(commented, "  ").rstrip(),
        backbone=as_yaml_text(backbone),
        notes=notes,
        valid=valid,
    )


COMMENTS = {
    "  changed_at_most": "  # share of entities that reading may widen or drop",
    "  cut_at_words": "  # longer passages are cut at sentence ends; null keeps them whole",
    "  labels": "  # label in the files: entity type in prompts, best in plain words",
    "  labels_to_o": "  # labels that are no entities here",
    "  made": "  # splits without files: sentences drawn from another split, the same in every run",
}
"""Beginning of a line of a catalog entry → comment at its end."""
TEMPLATE = """\
# Written by: {command}
# Fine-tunes a model on your corpus and tests it. Any value may be changed; what is not said here
# comes from gner's params/defaults.yaml.
name: {name}
data_root: {data_root}  # folder of the corpus files; paths are relative to this file

corpora:
{corpora}

backbone: {backbone}{notes}

stages:
  finetuning:
    data: {{ corpora: [{name}], split: train }}  # at most 10,000 sentences: per_corpus changes that
    train: {{ epochs: 3, global_batch: 8, learning_rate: 5.0e-5 }}
    choose:  # keep the weights with the lowest loss on sentences of valid
      kind: sample
      data: {{ corpora: [{name}], split: valid, per_corpus: {valid}, method: random, seed: 1 }}
      every: epoch

tests:
  test:
    of: finetuning
    data: {{ corpora: [{name}], split: test }}
"""


def _cut_long_passages(found: Recognised, seed: int) -> None:
    """Cut passages where some are too long for a prompt."""
    longest = max(part.statistics["longest"] for part in found.splits.values())
    if longest <= LONG:
        return
    labels, found.params = (
        found.params.labels,
        found.params.model_copy(update={"cut_at_words": CUT, "labels": "open"}),
    )
    read_splits(found, seed)
    found.params = found.params.model_copy(update={"labels": labels})
    found.problems.append(
        f"the longest passage has {longest:,} words: passages are cut at sentence ends near "
        f"{CUT} words"
    )


def _draw_splits(found: Recognised, seed: int) -> dict[Split, int]:
    """Add rules for valid and test where they have no files; return the sizes of all splits."""
    ranks = list(found.splits["train"].ranks)
    tenth = min(max(len(ranks) // 10, 1), MOST)
    sizes: dict[Split, int] = {s: len(part.ranks) for s, part in found.splits.items()}
    made: dict[Split, TakenOut | SameAs] = {}
    missing: tuple[Split, ...] = tuple(s for s in ("valid", "test") if s not in found.splits)
    for split in missing:
        number, taken = _drawable(ranks, tenth)
        if len(set(found.splits["train"].ranks)) <= len(missing):
            number, taken = len(ranks), set()
        ranks = [one for one in ranks if one not in taken]
        if taken:
            made[split] = TakenOut(rule="taken_out", of="train", sentences=number, seed=seed)
        else:
            made[split] = SameAs(rule="same_as", of="train")
            found.problems.append(
                f"too few different sentences to draw from: {split} repeats train, "
                "so that its scores say nothing"
            )
        sizes[split] = number
    sizes["train"] = len(ranks)
    values = {**dict(found.params), "made": made}
    found.params = CorpusParams.model_validate(values)
    order: tuple[Split, ...] = ("train", "valid", "test")
    return {split: sizes[split] for split in order}


def _drawable(ranks: Sequence[bytes], wanted: int) -> tuple[int, set[bytes]]:
    """Return how many sentences near a number can be drawn, and which; equal ones stay together."""
    copies = Counter(ranks)
    for number in range(wanted, len(ranks), wanted):
        chosen = draw_ranks(ranks, number)
        drawn = sum(copies[one] for one in chosen)
        if chosen and len(chosen) < len(copies):
            return drawn, chosen
    return 0, set()


def _doubts(found: Recognised) -> list[str]:
    """Return what is doubtful about the corpus as a whole."""
    doubts = []
    types = {split: _types(found, split) for split in found.splits}
    counts = sum(types.values(), Counter[str]())
    if len(counts) > MANY:
        doubts.append(
            f"{len(counts)} types: prompts that ask for all of them may be too long; labels: open "
            "asks for those that a sentence holds"
        )
    rare = {name: number for name, number in counts.items() if number < RARE}
    if rare:
        doubts.append(
            f"{len(rare)} of {len(counts)} types have fewer than {RARE} entities: {_counted(rare)}"
        )
    for split, here in types.items():
        unknown = {name: number for name, number in here.items() if name not in types["train"]}
        if unknown:
            doubts.append(
                f"{len(unknown)} of {len(here)} types of {split} are not in train, so that no model "
                f"learns them: {_counted(unknown)}; where they are types of train by other names, "
                "give both one name in labels"
            )
    return doubts + _leaks(found)


def _types(found: Recognised, split: Split) -> Counter[str]:
    """Return how many entities of each type a split has."""
    names, counts = found.params.labels, Counter[str]()
    for label, number in found.splits[split].labels.items():
        counts[label if names == "open" else names[label]] += number
    return counts


def _counted(types: Mapping[str, int]) -> str:
    return _some([f"{name} ({number:,})" for name, number in sorted(types.items())])


def _some(names: Sequence[str]) -> str:
    """Return the first of many names, and how many more there are."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _forms(files: Mapping[Split, tuple[str, ...]]) -> list[str]:
    """Return what to know of a corpus that cannot be read, where files have several endings."""
    endings = {PurePath(name).suffix for names in files.values() for name in names}
    if len(endings) < 2:
        return []
    shown = ", ".join(sorted(endings))
    hint = "those of a corpus have one form; convert the others, or give some of them by name"
    return [f"the files end in {shown}, and {hint}"]


def _leaks(found: Recognised) -> list[str]:
    trained = set(found.splits["train"].ranks)
    shared: Mapping[str, int] = {
        split: sum(one in trained for one in part.ranks)
        for split, part in found.splits.items()
        if split != "train"
    }
    return [
        f"{number:,} sentences of {split} are also in train"
        for split, number in shared.items()
        if number
    ]
