import pytest

from gner_core.systems.uniner.published import published_counts, published_strings
from gner_core.systems.uniner.reading import read_list


@pytest.mark.parametrize(
    ("output", "strings", "unread"),
    [
        ('["a", "b c"]', ["a", "b c"], []),
        ("", [], []),
        ("</s>", [], []),
        ("['a', 'b c']", ["a", "b c"], []),
        ("['O'Neil', 'x']", ["O'Neil", "x"], []),
        ('["say "hi" now", "x"]', ['say "hi" now', "x"], []),
        ('["x[1]",\n"y"]', ["x[1]", "y"], []),
        ('["a", "b",]', ["a", "b"], []),
        ('["a", "b', ["a"], ["cut off: b"]),
        ('["a"', ["a"], []),
        ('["a", ', ["a"], []),
        ('["\\u00e9", "\\ud83d\\ude00",]', ["é", "😀"], []),
        ('["a\\\\",]', ["a\\"], []),
        ('The list is ["a"].', ["a"], ["after the list: ."]),
        ('{"person": ["a"]}', ["a"], ["after the list: }"]),
        (
            '["a"]</s>USER: b? ASSISTANT: ["c"]',
            ["a"],
            ['after the list: USER: b? ASSISTANT: ["c"]'],
        ),
        ('None.\nUSER: b? ASSISTANT: ["c"]', [], ["no list: None."]),
        (
            '["a", 5, null, true]',
            ["a"],
            ["not a string: 5", "not a string: None", "not a string: True"],
        ),
        (
            '["a", b, ("c", "d"), [1]',
            ["a"],
            ["not a string: b", 'not a string: ("c", "d")', "not a string: [1]"],
        ),
        ('[["a", "person"]]', [], ["not a string: a list"]),
    ],
)
def test_what_can_be_read_is_read(output: str, strings: list[str], unread: list[str]) -> None:
    assert read_list(output) == (strings, unread)


@pytest.mark.parametrize(
    ("output", "fault"),
    [
        ('Sure: ["a"]', "no list at the start"),
        ('["a",\n"b"]', "no list at the start"),
        ('["x[1]"]', "not JSON"),
        ("['a']", "not JSON"),
        ('["a",]', "not JSON"),
        ('["a"', "no list at the start"),
        ('["a", 5]', "more than strings"),
    ],
)
def test_the_published_reader_loses_all_for_one_fault(output: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        published_strings(output)
    assert published_counts('["a"]', output) == (0, 0, 1)


def test_the_published_reader_takes_the_last_answer_and_compares_loosely() -> None:
    output = '["b"]\nASSISTANT: ["The Who", "who", "U.S.", "!"] more'
    assert published_strings(output) == {"who": "The Who", "us": "U.S.", "": "!"}
    assert published_counts('["Who", "US", "the", "a", "x"]', output) == (3, 3, 4)
