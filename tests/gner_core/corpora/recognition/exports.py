"""Corpora of our own as annotation tools export them, a plain and a hostile one of each tool.

Every builder returns the files of an export and, for each text, the entities that its annotator
marked: their texts and labels, from left to right.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Marked = list[list[tuple[str, str]]]
Export = tuple[dict[str, bytes], Marked]

PLAIN = [
    ("Greta Lindqvist moved to Oslo.", [("Greta Lindqvist", "PER"), ("Oslo", "LOC")]),
    ("Nobody saw the ferry leave.", []),
    ("Bergen, Voss and Oslo-Airport: all closed!", [("Bergen", "LOC"), ("Voss", "LOC")]),
    ("The Harbour Union (Bergen) hired Ida Moe.", [("Harbour Union", "ORG"), ("Ida Moe", "PER")]),
    ("Per met Eva at noon.", [("Per", "PER"), ("Eva", "PER")]),
]
HOSTILE = [
    ('🎉🎉 "Greta Lindqvist"\'s café, Oslo/Voss…', [("Greta Lindqvist", "PER"), ("Voss", "LOC")]),
    ("No one 🚢 here", []),
    (
        "A York-based firm;\r\nMoe & Dahl A/S.\r\nIn Voss",
        [("York", "LOC"), ("Moe & Dahl A/S", "ORG")],
    ),
    ("(Ida)Moe👩‍👩‍👧Oslo", [("Ida", "PER"), ("Oslo", "LOC")]),
    ("Per\u00a0Dahl, Jr. of U.S.A. 3.5km", [("Per\u00a0Dahl, Jr.", "PER"), ("U.S.A.", "LOC")]),
    ("Ame\u0301lie in 東京で。", [("Ame\u0301lie", "PER"), ("東京", "LOC")]),
]


def places(text: str, marked: list[tuple[str, str]]) -> list[tuple[int, int, str]]:
    """Start, end and label in code points."""
    return [(text.index(said), text.index(said) + len(said), label) for said, label in marked]


def in_utf16(text: str, at: int) -> int:
    return len(text[:at].encode("utf-16-le")) // 2


def json_lines(records: list[Any]) -> bytes:
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records).encode()


def marked_in(texts: list[Any]) -> Marked:
    return [marked for _, marked in texts]


def doccano() -> Export:
    records = [
        {"id": n, "text": text, "label": [list(place) for place in places(text, marked)]}
        for n, (text, marked) in enumerate(PLAIN)
    ]
    return {"all.jsonl": json_lines(records)}, marked_in(PLAIN)


def doccano_with_relations() -> Export:
    """A byte order mark, empty lines, objects for entities, a comment longer than the text."""
    records = [
        {
            "Comments": ["a comment that is much longer than the text that it is about " * 3],
            "note": "a note that is much longer than the text that it is about, by far" * 3,
            "id": n,
            "relations": [],
            "entities": [
                {"id": 7, "label": label, "start_offset": start, "end_offset": end}
                for start, end, label in places(text, marked)
            ],
            "text": text,
        }
        for n, (text, marked) in enumerate(HOSTILE)
    ]
    lines = json_lines(records).replace(b"\n", b"\r\n\r\n")
    return {"admin.jsonl": b"\xef\xbb\xbf" + lines}, marked_in(HOSTILE)


def prodigy() -> Export:
    return {"annotations.jsonl": json_lines([_task(*one) for one in PLAIN])}, marked_in(PLAIN)


def prodigy_with_rejected() -> Export:
    """Rejected and ignored tasks with false spans, and tasks that lack the field of spans."""
    wrong = [{"start": 0, "end": 2, "label": "WRONG"}]
    rejected = [{**_task(*HOSTILE[0]), "spans": wrong, "answer": no} for no in ("reject", "ignore")]
    tasks = [_task(*one) for one in HOSTILE]
    del tasks[1]["spans"]
    return {"annotations.jsonl": json_lines([*rejected, *tasks])}, marked_in(HOSTILE)


def _task(text: str, marked: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "text": text,
        "meta": {"source": "a source whose name is much longer than the text of this task is"},
        "_input_hash": 12,
        "tokens": [{"text": text, "start": 0, "end": len(text), "id": 0}],
        "spans": [
            {"token_start": 0, "token_end": 0, "start": start, "end": end, "label": label}
            for start, end, label in places(text, marked)
        ],
        "answer": "accept",
    }


def label_studio_min() -> Export:
    tasks = [
        {
            "id": n,
            "label": [_region(text, place) for place in places(text, marked)],
            "text": text,
            "annotation_id": n,
            "created_at": "2024-01-01T00:00:00.000000Z, which is a rather long time stamp",
        }
        for n, (text, marked) in enumerate(PLAIN)
    ]
    del tasks[1]["label"]  # as exported where nothing was marked
    return {"min.json": json.dumps(tasks, indent=1).encode()}, marked_in(PLAIN)


def label_studio() -> Export:
    """Positions of JavaScript, cancelled annotations, relations, tasks that nobody did."""
    tasks = []
    for n, (text, marked) in enumerate(HOSTILE):
        results: list[dict[str, Any]] = [
            {"id": str(place), "type": "labels", "value": _region(text, place, utf16=True)}
            for place in places(text, marked)
        ]
        results.append({"type": "choices", "value": {"choices": ["news"]}})
        results.append({"type": "relation", "from_id": "a", "to_id": "b"})
        wrong = [{"type": "labels", "value": {"start": 0, "end": 1, "labels": ["WRONG"]}}]
        annotations = [
            {"was_cancelled": True, "result": wrong},
            {"was_cancelled": False, "result": results},
        ]
        data = {"source": "a source with a very long name, longer than any text", "body": text}
        tasks.append({"id": n, "data": data, "annotations": annotations, "predictions": []})
    tasks.insert(0, {"id": 99, "data": {"source": "x", "body": "Not yet."}, "annotations": []})
    return {"export.json": json.dumps(tasks).encode()}, marked_in(HOSTILE)


def _region(text: str, place: tuple[int, int, str], *, utf16: bool = False) -> dict[str, Any]:
    start, end, label = place
    said = text[start:end]
    if utf16:
        start, end = in_utf16(text, start), in_utf16(text, end)
    return {"start": start, "end": end, "text": said, "labels": [label]}


def spacy_pairs() -> Export:
    """The pairs of text and entities that scripts for spaCy's training hold."""
    pairs = [[text, {"entities": places(text, marked)}] for text, marked in HOSTILE]
    bundle = {"classes": ["PER", "LOC"], "annotations": [*pairs, None]}
    return {"data.json": json.dumps(bundle).encode()}, marked_in(HOSTILE)


def spacy_documents() -> Export:
    """spaCy's own JSON form, with tags of BILUO and words that nobody decided about."""
    tagged = [
        "Greta/B-PER Lindqvist/L-PER saw/O Oslo/U-LOC ./-",
        "Nobody/- left/O ./O",
        "Eva/B-PER Moe/I-PER Nes/L-PER Voss/U-LOC",
    ]
    sentences = [
        {
            "tokens": [
                {"id": n, "orth": word.rsplit("/", 1)[0], "ner": word.rsplit("/", 1)[1]}
                for n, word in enumerate(line.split())
            ]
        }
        for line in tagged
    ]
    documents = [{"id": 0, "paragraphs": [{"raw": "…", "sentences": sentences}]}]
    marked: Marked = [
        [("Greta Lindqvist", "PER"), ("Oslo", "LOC")],
        [],
        [("Eva Moe Nes", "PER"), ("Voss", "LOC")],
    ]
    return {"train.json": json.dumps(documents, indent=2).encode()}, marked


def brat() -> Export:
    return _brat("", PLAIN, str.encode), marked_in(PLAIN)


def brat_in_folders() -> Export:
    """A folder per split, positions in UTF-16 units, notes, relations, a piece over a line end."""

    def write(annotations: str) -> bytes:
        more = "#1\tAnnotatorNotes T1\tsee above\nR1\tPart Arg1:T1 Arg2:T2\t\nA1\tNegated T1\n"
        return (annotations + more).encode()

    files = {
        **_brat("train/", HOSTILE[:4], write, utf16=True),
        **_brat("dev/", HOSTILE[4:5], write, utf16=True),
        **_brat("test/", HOSTILE[5:], write, utf16=True),
        "annotation.conf": b"[entities]\nPER\nLOC\nORG\n",
        "train/README.md": b"about",
    }
    return files, marked_in(HOSTILE)


def _brat(
    folder: str, texts: list[Any], write: Callable[[str], bytes], *, utf16: bool = False
) -> dict[str, bytes]:
    files = {}
    for number, (text, marked) in enumerate(texts):
        lines = ""
        for n, (start, end, label) in enumerate(places(text, marked), start=1):
            first, last = (in_utf16(text, at) if utf16 else at for at in (start, end))
            lines += f"T{n}\t{label} {first} {last}\t{text[start:end]}\n"
        files[f"{folder}doc-{number}.txt"] = text.encode()
        files[f"{folder}doc-{number}.ann"] = write(lines)
    return files


CONLL_MARKED: Marked = [
    [("Greta Lindqvist", "PER"), ("Oslo", "LOC")],
    [],
    [("Voss", "LOC")],
]


def label_studio_conll() -> Export:
    """A document line with fewer columns than the others."""
    content = (
        "-DOCSTART- -X- O\nGreta -X- _ B-PER\nLindqvist -X- _ I-PER\nin -X- _ O\n"
        "Oslo -X- _ B-LOC\n. -X- _ O\n\nNobody -X- _ O\n. -X- _ O\n\n\nVoss -X- _ B-LOC\n"
    )
    return {"export.conll": content.encode()}, CONLL_MARKED


def conllu() -> Export:
    """Comments, ranges, empty nodes, CRLF, BILOU tags, rows of tabs between sentences."""
    content = (
        "# newdoc id = one\n# text = Greta Lindqvist in Oslo .\n"
        "1\tGreta\tGreta\tPROPN\tB-PER\n2\tLindqvist\t_\tPROPN\tL-PER\n3-4\tinnit\t_\t_\t_\n"
        "3\tin\tin\tADP\tO\n4\t#\t#\tSYM\tO\n5\tOslo\tOslo\tPROPN\tU-LOC\n\t\t\t\t\n"
        "# sent_id = 2\n1\tNobody\tnobody\tPRON\tO\n1.1\tsaw\tsee\tVERB\t_\n\t\t\t\t\n"
        "1\tVoss\tVoss\tPROPN\tU-LOC\n"
    )
    return {"ner.conllu": content.replace("\n", "\r\n").encode()}, CONLL_MARKED


def saved_dataset(folder: Path) -> Marked:
    """A dataset with three splits as `save_to_disk` leaves it; parts of speech are integers, too."""
    from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

    features = Features(
        {
            "id": Value("string"),
            "tokens": List(Value("string")),
            "pos_tags": List(Value("int64")),
            "ner_tags": List(ClassLabel(names=["O", "B-PER", "I-PER", "B-LOC"])),
        }
    )

    def split(*rows: tuple[str, list[int]]) -> Any:
        words = [line.split() for line, _ in rows]
        values = {
            "id": [str(n) for n in range(len(rows))],
            "tokens": words,
            "pos_tags": [[22 + n for n in range(len(row))] for row in words],
            "ner_tags": [tags for _, tags in rows],
        }
        return Dataset.from_dict(values, features=features)

    first = ("Greta Lindqvist in Oslo .", [1, 2, 0, 3, 0])
    DatasetDict(
        {
            "train": split(first, ("Nobody left", [0, 0])),
            "validation": split(("Voss", [3])),
            "test": split(first),
        }
    ).save_to_disk(str(folder))
    return [*CONLL_MARKED, CONLL_MARKED[0]]


def parquet_folder(folder: Path) -> Marked:
    """A repository of a dataset: Parquet files with texts and entities, beside other files."""
    from datasets import Dataset

    (folder / "data").mkdir()
    (folder / "README.md").write_text("---\nlicense: cc0-1.0\n---\n")
    (folder / "dataset_infos.json").write_text("{}")
    for name, texts in (("train", HOSTILE[:4]), ("test", HOSTILE[4:])):
        rows = [
            {
                "text": text,
                "entities": [
                    {"start": start, "end": end, "label": label, "text": text[start:end]}
                    for start, end, label in places(text, marked)
                ],
            }
            for text, marked in texts
        ]
        path = folder / "data" / f"{name}-00000-of-00001.parquet"
        Dataset.from_list(rows).to_parquet(str(path))
    return marked_in(HOSTILE)


def named_labels(folder: Path) -> Marked:
    """Entities with labels as integers that have names, and ids, of which there are few."""
    from datasets import ClassLabel, Dataset, Features, List, Value

    entity = {
        "start": Value("int32"),
        "end": Value("int32"),
        "label": ClassLabel(names=["PER", "LOC", "ORG"]),
        "id": Value("string"),
    }
    features = Features(
        {"text": Value("string"), "ids": List(Value("int32")), "entities": [entity]}
    )
    labels = entity["label"].names
    rows = [
        {
            "text": text,
            "ids": [1, 2],
            "entities": [
                {"start": start, "end": end, "label": labels.index(label), "id": f"e{n}"}
                for n, (start, end, label) in enumerate(places(text, marked))
            ],
        }
        for text, marked in HOSTILE
    ]
    Dataset.from_list(rows, features=features).save_to_disk(str(folder / "saved"), num_shards=2)
    return marked_in(HOSTILE)


def object_of_lists(folder: Path) -> Marked:
    """Entities as `Sequence({…})` is stored: one object that holds a list for each key."""
    from datasets import ClassLabel, Dataset, Features, List, Value

    names = ["ORG", "PER", "LOC"]
    number = List(Value("int64"))
    entities = {"start": number, "end": number, "label": List(ClassLabel(names=names))}
    features = Features({"text": Value("string"), "entities": entities})
    rows = []
    for text, marked in PLAIN:
        found = places(text, marked)
        starts, ends, labels = zip(*found, strict=True) if found else ((), (), ())
        numbers = [names.index(label) for label in labels]
        held = {"start": list(starts), "end": list(ends), "label": numbers}
        rows.append({"text": text, "entities": held})
    Dataset.from_list(rows, features=features).save_to_disk(str(folder / "saved"))
    return marked_in(PLAIN)


EXPORTS: dict[str, Callable[[], Export]] = {
    "doccano": doccano,
    "doccano with relations": doccano_with_relations,
    "Prodigy": prodigy,
    "Prodigy with rejected tasks": prodigy_with_rejected,
    "Label Studio JSON-MIN": label_studio_min,
    "Label Studio JSON": label_studio,
    "spaCy pairs": spacy_pairs,
    "spaCy documents": spacy_documents,
    "brat": brat,
    "brat in folders": brat_in_folders,
    "Label Studio CoNLL": label_studio_conll,
    "CoNLL-U": conllu,
}
DATASETS: dict[str, Callable[[Path], Marked]] = {
    "saved dataset": saved_dataset,
    "folder of Parquet files": parquet_folder,
    "labels with names": named_labels,
    "entities as one object of lists": object_of_lists,
}
