"""Ten sentences of our own, and writers that publish them in every form that gner reads.

Each writer returns the files of a corpus as bytes; reading them must give the ten sentences again.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gner_core.config.corpus import CorpusParams
from gner_core.records import Span, spans_of

Files = dict[str, bytes]

TAGGED = """\
Greta/B-PER Lindqvist/I-PER plays/O chess/O in/O Oslo/B-LOC ./O
Nobody/O saw/O the/O ferry/O leave/O ./O
Trains/O link/O Bergen/B-LOC Voss/B-LOC and/O Oslo/B-LOC Airport/I-LOC daily/O ./O
Ask/O the/O Harbour/B-ORG Union/I-ORG about/O wages/O !/O
Per/B-PER Dahl/I-PER met/O Eva/B-PER at/O noon/O ./O
Cafés/O in/O Malmö/B-LOC close/O early/O ./O
Northern/B-ORG Tea/I-ORG hired/O Ida/B-PER Moe/I-PER ./O
Who/O won/O ?/O
It/O rained/O on/O Voss/B-LOC again/O ./O
The/O union/O thanked/O Harald/B-PER Berg/I-PER Nes/I-PER ./O
"""

SENTENCES: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    tuple(zip(*(pair.rsplit("/", 1) for pair in line.split()), strict=True))  # type: ignore[misc]
    for line in TAGGED.splitlines()
]
LABELS = {"PER": "person", "LOC": "location", "ORG": "organization"}
TAGS = ("O", *(f"{prefix}-{label}" for label in LABELS for prefix in "BI"))
READ = [
    (words, tuple(tag[:2] + LABELS[tag[2:]] if tag != "O" else "O" for tag in tags))
    for words, tags in SENTENCES
]
"""What reading must give: words, and tags with the labels asked for."""


@dataclass(frozen=True)
class OwnCorpus:
    """A corpus in one form: its format's params, its files, and the repairs that it needs."""

    form: dict[str, Any]
    files: Files
    repairs: dict[str, int]
    entry: str = "train.txt"

    def params(self, **changes: Any) -> CorpusParams:
        values: dict[str, Any] = {
            "files": {"train": (self.entry,)},
            "format": self.form,
            "labels": LABELS,
            "labels_to_o": (),
            "cut_at_words": None,
            "licence": "CC0-1.0",
            "origin": "made here",
        }
        return CorpusParams.model_validate({**values, **changes})


def iob1(tags: tuple[str, ...]) -> list[str]:
    """B- only where an entity follows another of its type at once."""
    return [
        "I" + tag[1:] if tag[:2] == "B-" and before[2:] != tag[2:] else tag
        for before, tag in zip(("O", *tags), tags, strict=False)
    ]


def bioes(tags: tuple[str, ...]) -> list[str]:
    ends = [
        tag != "O" and after[:1] != "I" for tag, after in zip(tags, (*tags[1:], "O"), strict=True)
    ]
    closing = {"B": "S", "I": "E"}
    return [closing[t[0]] + t[1:] if end else t for t, end in zip(tags, ends, strict=True)]


def rows(line: Callable[[str, str], str], change: Callable[..., Any] = tuple) -> list[list[str]]:
    """A list of lines per sentence."""
    return [
        [line(word, tag) for word, tag in zip(words, change(tags), strict=True)]
        for words, tags in SENTENCES
    ]


def columns(sentences: list[list[str]], *, end: str = "\n") -> bytes:
    return (end * 2).join(end.join(lines) for lines in sentences).encode() + end.encode()


def conll(separator: str, number: int, **form: Any) -> dict[str, Any]:
    values = {"kind": "conll", "scheme": "bio", "separator": separator, "columns": number}
    return {**values, "token_column": 0, "tag_column": number - 1, **form}


def json_lines(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(r, ensure_ascii=False).encode() + b"\n" for r in records)


def tab(word: str, tag: str) -> str:
    return f"{word}\t{tag}"


def _conll_corpora() -> dict[str, OwnCorpus]:
    plain = columns(rows(tab))
    spaced = rows(lambda word, tag: f"{word} NN I-NP {tag}")
    docstart = "-DOCSTART- -X- -X- O"
    opened = sum(tag.startswith("B-") for _, tags in SENTENCES for tag in tags) - 1
    return {
        "tabs": OwnCorpus(conll("tab", 2), {"train.txt": plain}, {}),
        "tag first, CRLF": OwnCorpus(
            conll("tab", 2, token_column=1, tag_column=0),
            {"train.txt": columns(rows(lambda word, tag: f"{tag}\t{word}"), end="\r\n")},
            {},
        ),
        "blanks, document lines as sentences": OwnCorpus(
            conll("space", 4),
            {"train.txt": columns([[docstart], *spaced[:5], [docstart], *spaced[5:]])},
            {"-DOCSTART- lines left out": 2},
        ),
        "blanks, a document token in every sentence": OwnCorpus(
            conll("space", 2),
            {
                "train.txt": columns(
                    [["-DOCSTART- O", *s] for s in rows(lambda word, tag: f"{word} {tag}")]
                )
            },
            {"-DOCSTART- lines left out": 10},
        ),
        "language prefix": OwnCorpus(
            conll("tab", 2, token_prefix="en:"),
            {"train.txt": columns(rows(lambda word, tag: f"en:{word}\t{tag}"))},
            {},
        ),
        "three columns": OwnCorpus(
            conll("tab", 3, token_column=1),
            {"train.txt": columns(rows(lambda w, t: f"7\t{w}\t{t}"))},
            {},
        ),
        "varying columns": OwnCorpus(
            conll("space", 2, columns=None, tag_column=-1),
            {"train.txt": columns(rows(lambda w, t: f"{w}{' x' * (len(w) % 3)} {t}"))},
            {},
        ),
        "IOB1": OwnCorpus(
            conll("tab", 2, scheme="iob1"),
            {"train.txt": columns(rows(tab, iob1))},
            {"IOB1: I- at the start of an entity turned into B-": opened},
        ),
        "BIOES": OwnCorpus(
            conll("tab", 2, scheme="bioes"), {"train.txt": columns(rows(tab, bioes))}, {}
        ),
    }


def _json_corpora() -> dict[str, OwnCorpus]:
    words_and_tags = [(list(words), list(tags)) for words, tags in SENTENCES]
    numbers = [{"tokens": w, "tags": [TAGS.index(t) for t in tags]} for w, tags in words_and_tags]
    authors = [
        {"dataset": "x", "label_list": ["PER"], "instance": {"words": w, "labels": t}}
        for w, t in words_and_tags
    ]
    spans = [
        {
            "tokens": w,
            "ner": [{"from": s.start, "to": s.end - 1, "is": s.label} for s in spans_of(t)],
        }
        for w, t in words_and_tags
    ]
    texts = [
        {"text": text, "label": [[start, end, label] for start, end, label in entities]}
        for text, entities in map(as_text, SENTENCES)
    ]
    tagged = {"kind": "jsonl", "scheme": "bio"}
    return {
        "JSON lines": OwnCorpus(
            {**tagged, "words_field": "words", "tags_field": "tags"},
            {"train.txt": json_lines([{"words": w, "tags": t} for w, t in words_and_tags])},
            {},
        ),
        "JSON lines, integer tags": OwnCorpus(
            {**tagged, "words_field": "tokens", "tags_field": "tags", "tag_names": TAGS},
            {"train.txt": json_lines(numbers)},
            {},
        ),
        "the authors' records in one array": OwnCorpus(
            {**tagged, "words_field": "instance.words", "tags_field": "instance.labels"},
            {"train.txt": json.dumps(authors, indent=1).encode()},
            {},
        ),
        "positions of words": OwnCorpus(
            {
                "kind": "word_spans",
                "words_field": "tokens",
                "entities_field": "ner",
                "entity_keys": ("from", "to", "is"),
                "end_included": True,
            },
            {"train.txt": json_lines(spans)},
            {},
        ),
        "positions of characters": OwnCorpus(
            {
                "kind": "text_spans",
                "tokens": "blanks",
                "text_field": "text",
                "entities_field": "label",
                "entity_keys": (0, 1, 2),
                "end_included": False,
            },
            {"train.txt": json_lines(texts)},
            {},
        ),
    }


def as_text(sentence: Any) -> tuple[str, list[tuple[int, int, str]]]:
    """A sentence as running text with its entities' characters."""
    words, tags = sentence
    starts = [sum(len(word) + 1 for word in words[:n]) for n in range(len(words))]
    entities = [
        (starts[start], starts[end - 1] + len(words[end - 1]), label)
        for start, end, label in ((s.start, s.end, s.label) for s in spans_of(tags))
    ]
    return " ".join(words), entities


def _document_corpora() -> dict[str, OwnCorpus]:
    brat: Files = {}
    pubtator = ""
    for number, (text, entities) in enumerate(map(as_text, SENTENCES)):
        brat[f"train/doc-{number}.txt"] = text.encode()
        brat[f"train/doc-{number}.ann"] = "".join(
            f"T{n}\t{label} {start} {end}\t{text[start:end]}\n"
            for n, (start, end, label) in enumerate(entities, start=1)
        ).encode()
        title, _, abstract = text.partition(" ")
        pubtator += f"{number}|t|{title}\n{number}|a|{abstract}\n"
        for start, end, label in entities:
            pubtator += f"{number}\t{start}\t{end}\t{text[start:end]}\t{label}\tX{number}\n"
        pubtator += "\n"
    return {
        "brat": OwnCorpus({"kind": "brat", "tokens": "blanks"}, brat, {}, entry="train/"),
        "PubTator": OwnCorpus(
            {"kind": "pubtator", "tokens": "blanks"}, {"train.txt": pubtator.encode()}, {}
        ),
    }


def _asked_corpora() -> dict[str, OwnCorpus]:
    conversations, answers = [], []
    for number, (words, tags) in enumerate(SENTENCES):
        text = " ".join(words)
        turns = [("human", f"Text: {text}"), ("gpt", "I've read this text.")]
        for label in LABELS:
            found = [mention_text(words, span) for span in spans_of(tags) if span.label == label]
            answer = json.dumps(found, ensure_ascii=False)
            turns += [("human", f"What describes {label} in the text?"), ("gpt", answer)]
            answers.append({"input": text, "tagName": label, "output": answer})
        conversations.append(
            {"id": str(number), "conversations": [{"from": w, "value": v} for w, v in turns]}
        )
    how = {"tokens": "blanks", "unanswered_types": "drop"}
    return {
        "conversations": OwnCorpus(
            {"kind": "conversations", **how},
            {"train.txt": json.dumps(conversations, ensure_ascii=False, indent=1).encode()},
            {},
        ),
        "answers": OwnCorpus(
            {
                "kind": "answers",
                **how,
                "text_field": "input",
                "type_field": "tagName",
                "answer_field": "output",
            },
            {"train.txt": json_lines(answers)},
            {"records joined with one of the same passage": 20},
        ),
    }


def mention_text(words: tuple[str, ...], span: Span) -> str:
    return " ".join(words[span.start : span.end])


def _hub_corpus() -> OwnCorpus:
    """A Parquet file as `datasets` writes it: integer tags, their names in the metadata."""
    feature = {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"}
    names = {"feature": {"names": list(TAGS), "_type": "ClassLabel"}, "_type": "List"}
    info = {"info": {"features": {"tokens": feature, "ner_tags": names}}}
    table = pa.table(
        {
            "tokens": [list(words) for words, _ in SENTENCES],
            "ner_tags": [[TAGS.index(tag) for tag in tags] for _, tags in SENTENCES],
        },
        metadata={"huggingface": json.dumps(info)},
    )
    buffer = BytesIO()
    pq.write_table(table, buffer, write_page_checksum=True)
    form = {"kind": "parquet", "scheme": "bio", "words_field": "tokens", "tags_field": "ner_tags"}
    name = "train-00000-of-00001.parquet"
    return OwnCorpus(form, {name: buffer.getvalue()}, {}, entry=name)


OWN_CORPORA: dict[str, OwnCorpus] = {
    **_conll_corpora(),
    **_json_corpora(),
    **_document_corpora(),
    **_asked_corpora(),
    "hub Parquet": _hub_corpus(),
}
