import pytest

from gner_core.systems.gollie.reading import read_objects

CLASSES = ("City", "Person")


@pytest.mark.parametrize(
    ("output", "known", "unknown", "unread"),
    [
        (' [\n    City(span="Rome"),\n    Person(span="Bo"),\n]\n', ["Rome", "Bo"], [], []),
        (" []\n", [], [], []),
        ("", [], [], []),
        (" None", [], [], ["no list: None"]),
        ('\n[City(span="Rome")]', ["Rome"], [], []),
        (' City(span="Rome")', ["Rome"], [], []),
        (" [City(\"Rome\"), City(span = 'Bo' , )]", ["Rome", "Bo"], [], []),
        (
            ' [City(span="""a "b" c"""), City(span=r"a\\b"), City(span="a" "b")]',
            ['a "b" c', "a\\b", "ab"],
            [],
            [],
        ),
        (' [City(span="\\u00e9\\"x")]', ['é"x'], [], []),
        (' [City(span="a") City(span="b")\n City(span="c")]', ["a", "b", "c"], [], []),
        (
            ' [City(span="a"), # one\n City(span="b")]  # done',
            ["a", "b"],
            [],
            ["after the list: # done"],
        ),
        (
            ' [City(span=\'O\'Neil\'), City(span="the "Big" one")]',
            ["O'Neil", 'the "Big" one'],
            [],
            [],
        ),
        (' [City(span="a"), City(span="Pa', ["a"], [], ['cut off: City(span="Pa']),
        (' [City(span="a"),\n', ["a"], [], []),
        (
            ' [City(span="a"), City(span="b"], City(span="c")]',
            ["a", "c"],
            [],
            ['not read: City(span="b"', "not read: ]"],
        ),
        (' [City(span=“a”), City(span="b")]', ["b"], [], ["not read: City(span=“a”)"]),
        (
            ' [City(span="a", kind="x"), City(span="b")]',
            ["b"],
            [],
            ['not read: City(span="a", kind="x")'],
        ),
        (
            ' [City(span="a" + "b"), City(span=str(5)), City(span=f"{x}")]',
            [],
            [],
            [
                'not read: City(span="a" + "b")',
                "not read: City(span=str(5))",
                'not read: City(span=f"{x}")',
            ],
        ),
        (' [City(span="a".title())]', [], [], ['not read: City(span="a".title())']),
        (
            ' [City(span=s) for s in ["a", "b"]]',
            [],
            [],
            ['not read: City(span=s) for s in ["a", "b"]'],
        ),
        (
            ' [City(span="a") for _ in range(9)]',
            [],
            [],
            ['not read: City(span="a") for _ in range(9)'],
        ),
        (" [exit()]", [], [], ["not read: exit()"]),
        (' [[City(span="a")]]', [], [], ['not read: [City(span="a")]']),
        (' [Alien(span="a"), city(span="b")]', [], ["a", "b"], []),
        (' [City(span=" "), City()]', [], [], ["no text: City", "not read: City()"]),
        (' [City(span="a"), "x", 5]', ["a"], [], ['not read: "x"', "not read: 5"]),
        (
            ' [City(span="a")]\n\n# This is the text\ntext = "x"',
            ["a"],
            [],
            ['after the list: # This is the text text = "x"'],
        ),
        (' ```python\n[City(span="a")]\n```', ["a"], [], []),
        (' [City(span="result = none")]', ["result = none"], [], []),
        (
            ' [City(span="\\N{nothing}"), City(span="b")]',
            ["b"],
            [],
            ['not read: City(span="\\N{nothing}")'],
        ),
    ],
)
def test_objects_are_read_literally(
    output: str, known: list[str], unknown: list[str], unread: list[str]
) -> None:
    found, others, faults = read_objects(output, CLASSES)
    assert [text for _, text in found] == known
    assert [text for _, text in others] == unknown
    assert faults == unread


def test_names_come_with_texts() -> None:
    output = ' [Person(span="Bo"), Alien(span="x")]'
    assert read_objects(output, CLASSES) == ([("Person", "Bo")], [("Alien", "x")], [])
