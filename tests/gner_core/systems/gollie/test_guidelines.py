from pathlib import Path

import pytest

from gner_core.errors import InputError
from gner_core.systems.gollie.guidelines import Guideline, chosen, read_guidelines

FILE = '''
"""Two corpora.\u2028A paragraph."""
import os

raise SystemExit("never run")


@dataclass
class City(Entity):
    """ A town of any size.  """

    span: str  # Such as: "Rome", "Zürich", "the "Big" Apple"


class Person(Entity):
    """{news_person}"""

    span: str  # {news_person_examples}


ENTITIES: List[Entity] = [City, Person]


class Person(Entity):
    """{film_person}"""

    span: str  # {film_person_examples}


class Title(Entity):
    span: str


class Helper:
    pass


GUIDELINES = {
    "news_person": {"en": ["A person " "in the news.", "Someone in the news. "], "eu": ["x"]},
    "film_person": ["A person in a film."],
}
EXAMPLES = {"news_person_examples": {"en": ["Ada"]}, "film_person_examples": {"en": []}}
'''
NEWS = {
    "City": Guideline(("A town of any size.",), ("Rome", "Zürich", 'the "Big" Apple')),
    "Person": Guideline(("A person in the news.", "Someone in the news."), ("Ada",)),
}
FILM = {
    "Person": Guideline(("A person in a film.",), ()),
    "Title": Guideline((), ()),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "guidelines.py"
    path.write_text(FILE)
    return path


def test_classes_are_read_and_nothing_is_run(file: Path) -> None:
    assert read_guidelines(file) == [NEWS, FILM]


def test_the_smallest_set_that_has_all_classes_is_chosen(file: Path) -> None:
    sets = read_guidelines(file)
    assert chosen(sets, ["Person", "Title"], "g.py") == FILM
    assert chosen(sets, ["City"], "g.py") == {"City": NEWS["City"]}
    with pytest.raises(InputError, match=r"g.py: two sets of 2 classes have Person"):
        chosen(sets, ["Person"], "g.py")
    with pytest.raises(InputError, match=r"g.py: no set of classes has Song beside"):
        chosen(sets, ["Title", "Song"], "g.py")
    larger = {**FILM, "Song": Guideline((), ())}
    assert chosen([larger, FILM, FILM], ["Person"], "g.py") == {"Person": FILM["Person"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("class City(Entity:\n", "line 1: no Python source"),
        ("a\0b", "no Python source|cannot be read"),
        ("x = 1\n", r"has no class of the form `class City\(Entity\):`"),
        ("class City(Entity):\n    pass\n", "line 1: class City: has no field `span: str`"),
        ("class City(Entity):\n    '''{a}'''\n    span: str\n", "class City: no dict .* has a"),
        ("class City(Entity):\n    span: str  # such as Rome\n", "the comment must be of the form"),
        ("GUIDELINES = {'a': f()}\n", "line 1: must be a dict of literal texts"),
        (
            "class City(Entity):\n    '''{a}'''\n    span: str\nGUIDELINES = {'a': 5}\n",
            "a must be a list of texts",
        ),
    ],
)
def test_a_fault_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "guidelines.py"
    path.write_text(content)
    with pytest.raises(InputError, match=f"guidelines.py.*(?:{message})"):
        read_guidelines(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.py: cannot be read"):
        read_guidelines(tmp_path / "none.py")
