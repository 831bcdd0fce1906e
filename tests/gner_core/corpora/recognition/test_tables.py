"""A user's own file of words and tags is recognised, and the snippet for it reads it."""

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml

from gner_core.config.corpus import CorpusParams
from gner_core.corpora.prepare import stream_split
from gner_core.corpora.recognition import recognise
from gner_core.errors import InputError
from tests.gner_core.corpora.own_corpora import (
    OWN_CORPORA,
    READ,
    SENTENCES,
    columns,
    json_lines,
    rows,
    tab,
)
from tests.gner_core.corpora.recognition.looking import RECORD, entities, look_at

UNKNOWN = ("varying columns", "JSON lines, integer tags", "conversations", "answers")


@pytest.mark.parametrize("name", [name for name in OWN_CORPORA if name not in UNKNOWN])
def test_the_snippet_reads_the_file(tmp_path: Path, name: str) -> None:
    own = OWN_CORPORA[name]
    for path, content in own.files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    found = recognise(tmp_path, {"train": (own.entry,)}, name="own")
    (entry,) = yaml.safe_load(found.snippet).values()
    params = CorpusParams.model_validate(entry)
    assert params.labels == {"PER": "person", "LOC": "location", "ORG": "organization"}
    sentences = list(stream_split("own", params, split="train", folder=tmp_path, repairs=Counter()))
    assert [(s.words, s.tags) for s in sentences] == READ
    assert found.splits["train"].statistics["sentences"] == 10
    assert found.splits["train"].repairs == own.repairs
    assert [p for p in found.problems if "all hold tags; the last one" not in p] == []


def test_lines_that_do_not_fit_are_named(tmp_path: Path) -> None:
    lines = rows(tab)
    lines[0][2] = "plays\tO\tO"
    lines[1][1] = "saw\tx"
    found = look_at(tmp_path, columns(lines), "own.tsv")
    assert [p.partition("own.tsv, ")[2] for p in found.problems] == [
        r"line 3: 3 tab-separated columns where 2 were expected: 'plays\tO\tO'",
        "line 10: unknown tag 'x'; expected O, B-<label> or I-<label>",
    ]
    assert found.splits == {}


def test_a_first_line_without_a_tag_may_be_a_header(tmp_path: Path) -> None:
    found = look_at(tmp_path, "Wort\tArt\n" + "Ida\tB-PER\nran\tO\n" * 9)
    (problem,) = found.problems
    assert "line 1: unknown tag 'Art'" in problem and "is it a header? delete it" in problem


def test_a_file_with_tags_of_two_schemes_is_said_to_mix_them(tmp_path: Path) -> None:
    found = look_at(tmp_path, "Ida B-PER\nMoe L-PER\nin O\nOslo S-LOC\nran S-LOC\n")
    (problem,) = found.problems
    assert "line 2: unknown tag 'L-PER'" in problem
    assert "L- is of bilou: the scheme is another, or the file mixes several" in problem


@pytest.mark.parametrize("first", ["// made by hand", "<<<<<<< HEAD"])
def test_a_file_called_json_must_start_as_json(tmp_path: Path, first: str) -> None:
    content = f"{first}\n{json.dumps(RECORD)}\n"
    with pytest.raises(InputError, match=f"a .jsonl file whose first line is no JSON: '{first}'"):
        look_at(tmp_path, content, "own.jsonl")


def test_many_faults_are_summed_up(tmp_path: Path) -> None:
    lines = [[*sentence, "odd"] for sentence in rows(tab)] * 9
    problems = look_at(tmp_path, columns(lines)).problems
    assert any("70 more lines like these" in problem for problem in problems)
    assert len(problems) <= 22


def test_integer_tags_need_names_and_those_of_entities_are_meant(tmp_path: Path) -> None:
    records = [
        {"tokens": ["Ida", "ran"], "pos_tags": [22, 3], "chunks": [1, 2], "ner_tags": [1, 0]}
    ]
    found = look_at(tmp_path, json_lines(records))
    assert found.splits == {}
    assert "tags in 'ner_tags' are integers from 0 to 1" in found.problems[0]
    assert yaml.safe_load(found.snippet)["own"]["format"]["tag_names"][0] == "O"


def test_an_open_question_about_ends_is_said(tmp_path: Path) -> None:
    records = [{"words": list(w), "entities": [[1, 3, "x"]]} for w, _ in SENTENCES if len(w) > 4]
    found = look_at(tmp_path, json_lines(records))
    assert any("cannot tell whether an entity's end is included" in p for p in found.problems)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("-DOCSTART- O\n\n", "no line with a token"),
        (
            "token\tner_tag\nIda\tB-PER\nran\tO\n",
            r"line 1: 'token\\tner_tag' is a header: delete it",
        ),
        ("Ida\tB-PER\u2028ran\tO\u2028\u2028It\tO\u2028", r"line 1: its lines end with U\+2028"),
        ("Ida B-PER\x85ran O\x85", r"line 1: its lines end with U\+0085"),
        ("just some words\nin two lines\n", "no column of tags.*the last one holds words, lines"),
        ('{"text": "no entities"}\n', "neither words with tags nor entities"),
        *(
            (
                json.dumps({"tokens": ["In", "Oslo"], "ner_tags": ["O", tag]}),
                rf"'ner_tags' holds {tag} \(line 1\), O",
            )
            for tag in ("LOC-B", "B:LOC", "B/LOC", "B–LOC")
        ),
        ("O\tO\nB-x\tB-x\n", "all 2 columns hold tags"),
        ("Ida PER-B\nMoe PER-I\nran O\noff O\n", "no column of tags.* holds PER-B, .*B-LABEL"),
        ("Ida B/PER\nMoe I/PER\nran O\noff O\n", "no column of tags.* holds B/PER, I/PER, O"),
        ("Ida\tB- \nran\tO\noff\tO\n", "no column of tags.* holds B- , O"),
        ("Ida;B-PER\nran;O\n", "separated by tabs or blanks"),
        ("Ida B-PER\nran\0 O\n", "line 2: holds a NUL"),
        ("PK\x03\x04", "a zip: unpack it"),
        (b"x\x9c\xed\x9d", r"spaCy's .spacy files: write doc.to_json\(\)"),
        ('{"text": "Ida ran", "spans": [[0, 3, "B-PER"], [4, 7, "O"]]}', "marks tags per word"),
        ('{"text": "Ida ran", "spans": [[0, 3, "B-PER"], [4, 7, "I-PER"]]}', "tags per word"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        look_at(tmp_path, content)


def test_a_table_without_entities_is_named_for_what_it_is(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"numbers": [1]}), tmp_path / "own.parquet")
    with pytest.raises(InputError, match=r"is Parquet: write the entry with format: .*numbers"):
        recognise(tmp_path, {"train": ("own.parquet",)}, name="own")


def test_a_null_among_named_integers_is_named_with_its_row(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    named = {"feature": {"names": ["O", "B-PER"], "_type": "ClassLabel"}, "_type": "List"}
    said = json.dumps({"info": {"features": {"ner_tags": named}}})
    table = pa.table({"tokens": 3 * [["Ida", "ran"]], "ner_tags": [[1, 0], [1, 0], [1, None]]})
    table = table.replace_schema_metadata({"huggingface": said})
    pq.write_table(table, tmp_path / "own.parquet")
    found = recognise(tmp_path, {"train": ("own.parquet",)}, name="own")
    assert "row 3: tag None in 'ner_tags' is not one of 0 to 1" in found.problems[0]


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ("U-LOC O B-PER I-PER L-PER", "bilou"),
        ("S-LOC O B-PER I-PER E-PER", "bioes"),
        ("S-LOC O B-PER M-PER E-PER", "bmes"),
        ("LOC O O PER PER PER O O O LOC O O", "io"),
        ("I-LOC O I-PER I-PER I-PER", "iob1"),
        ("W-LOC O B-PER M-PER E-PER", "bmes"),
        ("b-LOC o b-PER i-PER i-PER", "bio"),
        ("u-LOC o b-PER i-PER l-PER", "bilou"),
        ("S_LOC O B_PER I_PER E_PER", "bioes"),
    ],
)
def test_schemes(tmp_path: Path, tags: str, scheme: str) -> None:
    lines = [f"word{n} {tag}" for n, tag in enumerate(tags.split())]
    found = look_at(tmp_path, "\n".join(lines))
    assert found.params.format.model_dump()["scheme"] == scheme
    assert entities(found)[:2] == [
        ("word0", "LOC"),
        ("word3 word4 word5" if scheme == "io" else "word2 word3 word4", "PER"),
    ]
    record = {"words": [line.split()[0] for line in lines], "tags": tags.split()}
    as_json = look_at(tmp_path, json_lines([record]), "own.jsonl")
    assert entities(as_json) == entities(found)


def test_a_bare_label_may_be_rare(tmp_path: Path) -> None:
    content = "Ida PER\n" + 40 * "ran O\n"
    assert entities(look_at(tmp_path, content)) == [("Ida", "PER")]
    record = {"words": ["Ida", *40 * ["ran"]], "tags": ["PER", *40 * ["O"]]}
    assert entities(look_at(tmp_path, json_lines([record]), "own.jsonl")) == [("Ida", "PER")]


def test_a_bare_label_may_look_like_a_tag(tmp_path: Path) -> None:
    content = "a@b e-mail\nby O\nin O\nIda person\nat O\nOslo place\non O\n\n"
    found = entities(look_at(tmp_path, content * 2))
    assert found == [("a@b", "e-mail"), ("Ida", "person"), ("Oslo", "place")] * 2


@pytest.mark.parametrize("tags", ["B O B I I", "b o b i i", "U O B I L", "S O B M E"])
def test_tags_without_labels_are_of_one_type(tmp_path: Path, tags: str) -> None:
    words = [f"word{n}" for n in range(5)]
    content = "".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags.split(), strict=True))
    found = look_at(tmp_path, content)
    assert entities(found) == [("word0", "entity"), ("word2 word3 word4", "entity")]
    assert "tags are without labels" in found.problems[0]
    record = {"words": words, "tags": tags.split()}
    assert entities(look_at(tmp_path, json_lines([record]), "own.jsonl")) == entities(found)


def test_of_nested_columns_the_outer_one_is_taken(tmp_path: Path) -> None:
    outer = look_at(tmp_path, "Bank\tB-ORG\tO\nof\tI-ORG\tO\nOslo\tI-ORG\tB-LOC\nOslo\tB-LOC\tO\n")
    assert entities(outer) == [("Bank of Oslo", "ORG"), ("Oslo", "LOC")]
    other = look_at(tmp_path, "Bank\tB-ORG\tO\nof\tI-ORG\tO\nOslo\tI-ORG\tB-LOC\n")
    assert entities(other) == [("Oslo", "LOC")]
    assert "the last one was taken, without ORG; tag_column says another" in other.problems[0]
    chunks = look_at(tmp_path, "Ida\tB-NP\tB-PER\nran\tB-VP\tO\n")
    assert entities(chunks) == [("Ida", "PER")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_marked_files_that_were_joined_are_read(tmp_path: Path, encoding: str, end: str) -> None:
    once = end.join(["Ida\tB-PER", "ran\tO", "", "Oslo\tB-LOC"])
    joined = look_at(tmp_path, (once + end).encode(encoding) * 2)
    assert entities(joined) == [("Ida", "PER"), ("Oslo", "LOC")] * 2
    assert joined.splits["train"].statistics["sentences"] == 4
    record = json.dumps(RECORD).encode(encoding)  # a file without an end of its line
    assert entities(look_at(tmp_path, record * 2)) == [("Ida Moe", "PER"), ("Oslo", "LOC")] * 2


def test_a_line_feed_at_the_end_of_a_file_with_cr_is_one_more_line_end(tmp_path: Path) -> None:
    found = look_at(tmp_path, "Ida\tB-PER\rran\tO\r\rOslo\tB-LOC\n")
    assert entities(found) == [("Ida", "PER"), ("Oslo", "LOC")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_lines_that_are_no_tokens(tmp_path: Path, end: str) -> None:
    lines = [
        "\ufeff#begin document (one);",
        "# four words like this",
        "Ida _ _ B-PER",
        "# _ _ O",
        "-DOCSTART- O",
        "Oslo _ _ B-LOC",
        " \t ",
        "\ufeff-DOCSTART-",
        "",
        "# _ _ B-LOC",
        "",
        "#end document",
    ]
    found = look_at(tmp_path, end.join(lines))
    assert entities(found) == [("Ida", "PER"), ("Oslo", "LOC"), ("#", "LOC")]
    part = found.splits["train"]
    assert (part.statistics["sentences"], part.statistics["words"]) == (3, 4)
    assert part.repairs == {"comment lines left out": 3, "-DOCSTART- lines left out": 2}


def test_hashtags_with_bare_labels_are_tokens(tmp_path: Path) -> None:
    tweets = [
        f"#iPhone{number}\tproduct\nis\tO\nnice\tO\n\n# no token\nApple\tcompany\nand\tO\ntea\tO\n"
        for number in range(9)
    ]
    found = look_at(tmp_path, "\n".join(tweets))
    counts = Counter(label for _, label in entities(found))
    assert counts == {"product": 9, "company": 9}
    assert found.splits["train"].repairs == {"comment lines left out": 9}


def test_tokens_stand_behind_ids(tmp_path: Path) -> None:
    found = look_at(tmp_path, "s1 1 Ida N B-PER\ns1 2 ran V O\n\ns2 1 Oslo N B-LOC\n")
    assert entities(found) == [("Ida", "PER"), ("Oslo", "LOC")]


def test_rows_of_blank_cells_end_sentences(tmp_path: Path) -> None:
    found = look_at(tmp_path, "Ida\tB-PER\n \t\nOslo\tB-LOC\n\t\nit\tO\n\tO\n")
    assert found.splits["train"].statistics["sentences"] == 3
    assert found.splits["train"].repairs == {"blank tokens dropped": 1}


def test_ranges_and_empty_nodes_are_no_words(tmp_path: Path) -> None:
    table = "1 Ida B-PER;2-3 isn't _;2 is O;3 n't O;3.1 been _;4 Oslo B-LOC"
    found = look_at(tmp_path, table.replace(" ", "\t").replace(";", "\n"))
    assert entities(found) == [("Ida", "PER"), ("Oslo", "LOC")]
    assert found.splits["train"].statistics["words"] == 4
    assert found.splits["train"].repairs == {"ranges and empty nodes of CoNLL-U left out": 2}


@pytest.mark.parametrize(
    ("content", "doubt"),
    [
        ("Ida B-PER\nran O\n" * 60, "no empty line in the whole file: one sentence of 120 words"),
        ("Ida B-PER\n\n" + "ran O\n" * 501, "few empty lines: a sentence of 501 words"),
        ("Ida B-PER\n\n" * 101, "an empty line behind every word: 101 sentences of one word"),
        (
            "Ida\tB-PER\n\tO\n",
            "1 of 2 tokens are blank and left out; look whether the words are in another column",
        ),
        ("Ida O\n", "no entity in the whole file"),
    ],
)
def test_what_is_doubtful_is_said(tmp_path: Path, content: str, doubt: str) -> None:
    assert [p.partition(": ")[2] for p in look_at(tmp_path, content).problems] == [doubt]


def test_numbers_of_sentences_are_no_words_and_need_empty_lines(tmp_path: Path) -> None:
    first, other = "\tMaria\tB-PER\n\tvisited\tO\n\tLyon\tB-LOC\n", "\tKarl\tB-PER\n"
    numbered = [f"Sentence: {n}{other if n % 2 else first}" for n in range(10)]
    with pytest.raises(InputError, match=r"column 0 is filled in 10 of 20 .* awk -F") as error:
        look_at(tmp_path, "".join(numbered), "own file.tsv")
    command = "awk" + str(error.value).partition(": awk")[2]
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    for content in ((tmp_path / "sentences.tsv").read_text(), "\n".join(numbered)):
        found = look_at(tmp_path, content)
        assert entities(found)[:3] == [("Maria", "PER"), ("Lyon", "LOC"), ("Karl", "PER")]
        assert found.splits["train"].statistics["sentences"] == 10
        assert found.splits["train"].statistics["words"] == 20


def test_a_column_that_is_mostly_blank_holds_no_tokens(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no column of tokens; column 0 is blank in 2 of 3 lines"):
        look_at(tmp_path, "1\tB-PER\n\tO\n\tO\n", "own.tsv")


def test_tags_with_prefixes_are_no_bare_labels(tmp_path: Path) -> None:
    found = look_at(tmp_path, "Ida\tB-PER\nran\tO\n")
    form = found.params.format.model_copy(update={"scheme": "io"})
    params = found.params.model_copy(update={"format": form, "labels": "open"})
    with pytest.raises(InputError, match=r"own.txt, line 1: 'B-PER' is a tag of scheme bio"):
        list(stream_split("own", params, split="train", folder=tmp_path, repairs=Counter()))
