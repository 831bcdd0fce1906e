import random
from pathlib import Path

import pytest
import yaml

from gner_core.config.reading.check import check_file
from gner_core.errors import InputError
from gner_core.records import Span
from gner_core.systems.interface import Scored
from gner_core.systems.registry import TEXT_SYSTEMS, reader, text_system
from tests.gner_core.systems.params import gollie, instructuie, uniner

WORDS = ("Ada", "uses", "Zig", "at", "Acme", ".")
TYPES = ("person", "programming language")
GOLD = (Span(0, 1, "person"), Span(2, 3, "programming language"))


@pytest.fixture
def names(tmp_path: Path) -> str:
    file = tmp_path / "names.yaml"
    file.write_text("programming language: program language\n")
    return str(file)


@pytest.mark.parametrize(
    ("params", "outputs"),
    [
        (uniner, ('["Ada"]', '["Zig"]')),
        (instructuie, ("person: Ada; program language: Zig",)),
        (gollie, (' [Person(span="Ada"), ProgramLanguage(span="Zig")]',)),
    ],
)
@pytest.mark.parametrize("faithful", [False, True])
def test_type_names_are_applied_on_the_way_in_and_out(
    params: type, outputs: tuple[str, ...], faithful: bool, names: str
) -> None:
    system = text_system(params(type_names=names, faithful=faithful))
    prompts = [query.prompt for query in system.queries(WORDS, TYPES)]
    assert "programming" not in str(prompts) and "rogram" in str(prompts).replace("rogramming", "")
    texts = system.examples(WORDS, GOLD, TYPES, random.Random(1), epoch=0)
    assert "programming" not in str(texts)
    for read in (system, reader(params(type_names=names, faithful=faithful))):
        reading = read.read(WORDS, TYPES, outputs)
        assert reading.spans == GOLD
        assert reading[1:] == ((), (), 0, ())
    assert isinstance(system, Scored)
    assert system.published(WORDS, GOLD, TYPES, outputs) == (2, 2, 2)


def test_asked_is_our_type(names: str) -> None:
    queries = text_system(uniner(type_names=names)).queries(WORDS, TYPES)
    assert [query.asked for query in queries] == [*TYPES]
    assert "describes program language in" in queries[1].prompt


def test_two_types_with_one_name_are_an_error(names: str) -> None:
    system = text_system(uniner(type_names=names))
    with pytest.raises(InputError, match="would both be called program language"):
        system.queries(WORDS, (*TYPES, "program language"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("- a\n", "must map types to texts"),
        ("metric: 5\n", "metric: must be a text, got 5"),
        ("a: b\na: c\n", "a is there twice"),
    ],
)
def test_a_bad_table_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "table.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(InputError, match=f"table.yaml.*{message}"):
        text_system(uniner(type_names=str(file)))


def test_the_tables_of_the_project_name_types_of_its_corpora(root: Path) -> None:
    ours: set[str] = set()
    for file in (root / "params" / "corpora" / "published").glob("*.yaml"):
        for corpus in yaml.safe_load(file.read_text()).values():
            if isinstance(corpus["labels"], dict):
                ours |= {*corpus["labels"].values()}
    tables = sorted((root / "params" / "systems" / "type-names").glob("*.yaml"))
    assert {file.stem for file in tables} == {*TEXT_SYSTEMS} & {
        "uniner",
        "instructuie",
        "gollie",
    } | {"files", "other-words"}  # the last two of gner
    for file in tables:
        assert check_file(file) == "table"
        assert yaml.safe_load(file.read_text()).keys() <= ours
