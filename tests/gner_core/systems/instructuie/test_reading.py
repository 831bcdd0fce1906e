import pytest

from gner_core.systems.instructuie.reading import read_pairs

WORDS = tuple("Ada and Bo ; Co left a : b for None , Inc .".split())
TYPES = ("person", "program language", "location", "pair")


@pytest.mark.parametrize(
    ("output", "entities", "unknown", "unread"),
    [
        (" person: Ada; pair: x", [("person", "Ada"), ("pair", "x")], [], []),
        ("", [], [], []),
        ("None", [], [], []),
        (";", [], [], []),
        ("NA</s>person: Bo", [], [], []),
        ("person: Ada; None", [("person", "Ada")], [], []),
        ("person: Ada;", [("person", "Ada")], [], []),
        (";person:Ada;;person :Bo", [("person", "Ada"), ("person", "Bo")], [], []),
        ("PERSON: ADA", [("person", "ADA")], [], []),
        ("programlanguage: C++", [("program language", "C++")], [], []),
        ("Program  Language : C++", [("program language", "C++")], [], []),
        ("located: Rome", [("location", "Rome")], [], []),
        ("person: Ada\nperson: Bo", [("person", "Ada"), ("person", "Bo")], [], []),
        ("person: Ada, person: Bo", [("person", "Ada"), ("person", "Bo")], [], []),
        ("person: Bo; Co; pair: a : b", [("person", "Bo; Co"), ("pair", "a : b")], [], []),
        ("person: Bo; left", [("person", "Bo")], [], ["no type: left"]),
        ("person: Ada; pers", [("person", "Ada")], [], ["no type: pers"]),
        ("person: Ada; person:", [("person", "Ada")], [], ["no text: person"]),
        ("person: ", [], [], ["no text: person"]),
        (": Ada", [], [], ["no type: : Ada"]),
        ("human: Ada; person: Bo", [("person", "Bo")], [("human", "Ada")], []),
        ("person: None", [("person", "None")], [], []),  # the sentence holds it
        ("person: NA", [], [], []),
        ("superperson: Ada", [], [("superperson", "Ada")], []),
    ],
)
def test_what_can_be_read_is_read(
    output: str,
    entities: list[tuple[str, str]],
    unknown: list[tuple[str, str]],
    unread: list[str],
) -> None:
    assert read_pairs(output, WORDS, TYPES) == (entities, unknown, unread)


def test_types_with_signs_and_no_types() -> None:
    types = ("a: b", "a", "C++ (old)", "e-mail")
    output = "a: b: x; a: y; c++ ( old ): z; e - mail: w"
    assert read_pairs(output, WORDS, types)[0] == [
        ("a: b", "x"),
        ("a", "y"),
        ("C++ (old)", "z"),
        ("e-mail", "w"),
    ]
    assert read_pairs("a: b", WORDS, ()) == ([], [("a", "b")], [])
