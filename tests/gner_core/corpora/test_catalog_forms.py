"""Every entry of the catalog reads ten sentences of our own in the true form of its corpus.

The layouts are written down here by hand, trap by trap, and are read with the entry's own params:
an entry without a layout, or one whose params do not fit the layout, fails.
"""

import json
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gner_core.config.corpus import CorpusParams
from gner_core.config.reading.files import read_catalog
from gner_core.corpora.prepare import stream_split
from tests.gner_core.corpora.own_corpora import SENTENCES, bioes, json_lines

CATALOG = read_catalog(Path(__file__).parents[3] / "params" / "corpora" / "published")

Labels = tuple[str, str, str]
Sentences = list[tuple[list[str], list[str]]]
Layout = Callable[[Sentences], bytes]


def labelled(labels: Labels) -> Sentences:
    """The ten sentences with labels for persons, locations and organizations."""
    names = dict(zip(("PER", "LOC", "ORG"), labels, strict=True))
    return [
        (list(words), [tag if tag == "O" else tag[:2] + names[tag[2:]] for tag in tags])
        for words, tags in SENTENCES
    ]


def lines(form: str, *, end: str = "\n", first: str = "") -> Layout:
    """Columns; `form` is one line, with number, word and tag. `first` starts every sentence."""

    def write(sentences: Sentences) -> bytes:
        blocks = [
            [first] * bool(first)
            + [
                form.format(number=number, word=word, tag=tag)
                for number, (word, tag) in enumerate(zip(words, tags, strict=True))
            ]
            for words, tags in sentences
        ]
        return "".join(end.join(block) + end * 2 for block in blocks).encode()

    return write


def conll_2003(sentences: Sentences) -> bytes:
    """Four columns; each document starts with a sentence of its own."""
    document = b"-DOCSTART- -X- -X- O\n\n"
    write = lines("{word} NNP I-NP {tag}")
    return document + write(sentences[:4]) + document + write(sentences[4:])


def crossner_conll(sentences: Sentences) -> bytes:
    """Documents are told apart by one empty line more."""
    write = lines("{word}\t{tag}")
    return b"\n" + write(sentences[:4]) + b"\n" + write(sentences[4:])


def broad_twitter(sentences: Sentences) -> bytes:
    """Some tokens are empty, one blank, or end in a blank."""
    words, tags = sentences[0]
    first = ([*words[:1], "", *words[1:-1], " ", f"{words[-1]} "], [tags[0], "O", *tags[1:], "O"])
    return lines("{word}\t{tag}")([first, *sentences[1:]])


def orphans(write: Layout) -> Layout:
    """The second sentence's first word opens an entity with I-."""

    def damaged(sentences: Sentences) -> bytes:
        tags = [tag.replace("B-", "I-") for tag in sentences[0][1]]
        return write([(sentences[0][0], tags), *sentences[1:]])

    return damaged


def find_vehicle(sentences: Sentences) -> bytes:
    """CRLF; an entity of one word has B-, the last word of a longer one E-."""
    closed = [
        (words, [tag.replace("S-", "B-") for tag in bioes(tuple(tags))])
        for words, tags in sentences
    ]
    return lines("{word} {tag}", end="\r\n")(closed)


def tweetner7(sentences: Sentences) -> bytes:
    """Integer tags in the order of the published label file."""
    labels = ("corporation", "creative_work", "event", "group", "location", "person", "product")
    order = [*(f"B-{label}" for label in labels), *(f"I-{label}" for label in labels), "O"]
    records = [
        {"tokens": words, "tags": [order.index(tag) for tag in tags], "id": f"t{n}", "date": "2020"}
        for n, (words, tags) in enumerate(sentences)
    ]
    return json_lines(records)


def hub_parquet(labels: tuple[str, ...], prefixes: str) -> Layout:
    """As `datasets` wrote it for years: integer tags, names in the metadata, `Sequence`."""
    order = ["O", *(f"{prefix}-{label}" for label in labels for prefix in prefixes)]
    text = {"dtype": "string", "id": None, "_type": "Value"}
    names = {"names": order, "id": None, "_type": "ClassLabel"}
    features = {
        name: {"feature": feature, "length": -1, "id": None, "_type": "Sequence"}
        for name, feature in (("tokens", text), ("ner_tags", names))
    }
    schemes: dict[str, Callable[[tuple[str, ...]], list[str]]] = {"BI": list, "BIES": bioes}

    def write(sentences: Sentences) -> bytes:
        numbers = [[order.index(t) for t in schemes[prefixes](tuple(g))] for _, g in sentences]
        table = {"tokens": [words for words, _ in sentences], "ner_tags": numbers}
        return parquet(table, {"huggingface": json.dumps({"info": {"features": features}})})

    return write


def polyglot(sentences: Sentences) -> bytes:
    """Bare labels as texts: nothing tells neighbours of one label apart."""
    bare = [[tag.partition("-")[2] or "O" for tag in tags] for _, tags in sentences]
    number = [str(n) for n in range(len(sentences))]
    words = [words for words, _ in sentences]
    return parquet({"id": number, "lang": ["en"] * len(words), "words": words, "ner": bare}, {})


def parquet(columns: dict[str, Any], metadata: dict[str, str]) -> bytes:
    buffer = BytesIO()
    pq.write_table(pa.table(columns, metadata=metadata), buffer)
    return buffer.getvalue()


def conversations(sentences: Sentences) -> bytes:
    """One passage and its questions per record, in one JSON array."""
    records = []
    for number, (words, tags) in enumerate(sentences):
        asked: dict[str, list[str]] = {"animal": []}
        for word, tag in zip(words, tags, strict=True):
            if tag.startswith("B-"):
                asked.setdefault(tag[2:], []).append(word)
            elif tag != "O":
                asked[tag[2:]][-1] += f" {word}"
        turns = [("human", f"Text: {' '.join(words)}"), ("gpt", "I've read this text.")]
        for label, found in asked.items():
            turns += [("human", f"What describes {label} in the text?")]
            turns += [("gpt", json.dumps(found, ensure_ascii=False))]
        values = [{"from": speaker, "value": value} for speaker, value in turns]
        records.append({"conversations": values, "id": f"ner_{number}"})
    return json.dumps(records, ensure_ascii=False).encode()


TAB, TAG_FIRST = lines("{word}\t{tag}"), lines("{tag}\t{word}")
INDEXED = orphans(lines("{number}\t{word}\t{tag}"))
FABNER = ("MATE", "MANP", "MACEQ", "APPL", "FEAT", "PRO",
          "CHAR", "PARA", "ENAT", "CONPRI", "MANS", "BIOP")  # fmt: skip
CROSSNER: Labels = ("person", "location", "organisation")
WIKI: Labels = ("PER", "LOC", "ORG")
OPEN: Labels = ("chess player", "field of study", "trade union")
ORPHANS = {"I- without B- turned into B-": 2}

FORMS: dict[str, tuple[Layout, Labels, dict[str, int]]] = {
    "pile-ner": (conversations, OPEN, {}),
    "pile-ner-sample": (orphans(TAB), OPEN, ORPHANS),
    "pile-ner-sample-short": (orphans(TAB), OPEN, ORPHANS),
    "pile-ner-sample-cut": (orphans(TAB), OPEN, ORPHANS),
    "conll2003": (crossner_conll, CROSSNER, {}),
    "conllpp": (conll_2003, WIKI, {"-DOCSTART- lines left out": 2}),
    "ontonotes": (conll_2003, ("PERSON", "GPE", "ORG"), {"-DOCSTART- lines left out": 2}),
    "crossner-ai": (TAB, ("researcher", "programlang", "organisation"), {}),
    "crossner-literature": (TAB, ("writer", "literarygenre", "organisation"), {}),
    "crossner-music": (TAB, ("musicalartist", "musicgenre", "band"), {}),
    "crossner-politics": (TAB, ("politician", "election", "politicalparty"), {}),
    "crossner-science": (TAB, ("scientist", "astronomicalobject", "academicjournal"), {}),
    "mit-movie": (TAG_FIRST, ("ACTOR", "RATINGS_AVERAGE", "TITLE"), {}),
    "mit-restaurant": (TAG_FIRST, ("Dish", "Location", "Restaurant_Name"), {}),
    "anatem": (TAB, ("Anatomy", "Anatomy", "Anatomy"), {}),
    "bc2gm": (TAB, ("GENE", "GENE", "GENE"), {}),
    "bc4chemd": (TAB, ("Chemical", "Chemical", "Chemical"), {}),
    "bc5cdr": (TAB, ("Chemical", "Disease", "Disease"), {}),
    "ncbi": (TAB, ("Disease", "Disease", "Disease"), {}),
    "broad-twitter": (
        broad_twitter,
        WIKI,
        {"blank tokens dropped": 2, "blanks inside or around tokens squeezed": 1},
    ),
    "harvey-ner": (
        lines("{word} {tag}", first="-DOCSTART- O"),
        ("POINT", "AREA", "ROAD"),
        {"-DOCSTART- lines left out": 10},
    ),
    "tweetner7": (tweetner7, ("person", "location", "creative_work"), {}),
    "fabner": (hub_parquet(FABNER, "BIES"), ("CONPRI", "MATE", "MANP"), {}),
    "findvehicle": (
        find_vehicle,
        ("vehicle_model", "vehicle_type-suv", "vehicle_type-sports_car"),
        {"entities without E- or S- at their end ended": 6},
    ),
    "multinerd": (INDEXED, ("PER", "CEL", "SUPER"), ORPHANS),
    "wikineural": (INDEXED, WIKI, ORPHANS),
    "wikiann-en": (hub_parquet(WIKI, "BI"), WIKI, {}),
    "polyglot-ner": (polyglot, WIKI, {}),
}
"""Entry → how its corpus is written, which of its labels the fixture has, the repairs it needs."""


def test_every_entry_of_the_catalog_has_a_fixture_of_its_form() -> None:
    assert set(FORMS) == set(CATALOG)


@pytest.mark.parametrize("name", CATALOG)
def test_an_entry_reads_the_true_form_of_its_corpus(tmp_path: Path, name: str) -> None:
    corpus = CATALOG[name]
    layout, labels, repairs = FORMS[name]
    for split, files in corpus.files.items():
        for file in files:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_bytes(layout(labelled(labels)))
        counted: Counter[str] = Counter()
        read = list(stream_split(name, corpus, split=split, folder=tmp_path, repairs=counted))
        assert [(list(s.words), list(s.tags)) for s in read] == expected(corpus, labels, files)
        assert counted == {kind: number * len(files) for kind, number in repairs.items()}


def expected(corpus: CorpusParams, labels: Labels, files: tuple[str, ...]) -> Sentences:
    """The sentences with the labels that are asked for, once per file."""
    names = labels if corpus.labels == "open" else tuple(corpus.labels[label] for label in labels)
    sentences = labelled((names[0], names[1], names[2]))
    if getattr(corpus.format, "scheme", "bio") == "io":  # two places side by side become one
        words, tags = sentences[2]
        sentences[2] = (words, [*tags[:3], "I" + tags[3][1:], *tags[4:]])
    return sentences * len(files)
