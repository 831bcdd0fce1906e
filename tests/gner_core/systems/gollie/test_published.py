import pytest

from gner_core.systems.gollie.published import published_counts, published_reading

WORDS = ("Bo", "saw", "Rome", "and", "bo", ".")
CLASSES = ("City", "Person")


@pytest.mark.parametrize(
    ("output", "kept", "items"),
    [
        (' [City(span="Rome"), Person("bo")]', ["Rome", "bo"], 2),
        (' [Person(span="BO"), Person(span="Bo"), City(span="bo")]', ["BO", "Bo"], 3),
        (' [City(span="om"), City(span=""), City(span="Bo  ")]', ["om", ""], 3),
        (' [City(span=5), Alien(x=1), Alien, List, "x", None, lambda: 0]', [], 7),
        (' (City(span="Rome"),)', ["Rome"], 1),
        (' "abc"', [], 3),
        (' {"a": 1}', [], 1),
        (' [City(span="Ro" + "me"), City(span="rome".title())]', ["Rome"], 2),
        (' [City(span="R" "ome"), City(span=f"{\'Bo\'}")]', ["Rome", "Bo"], 2),
        (' [City(span="x" * 3), City(span=str(len("ab")))]', [], 2),
        (' [City(span="x")]\nresult = [City(span="Rome")]', ["Rome"], 1),
        (' [City(span="Rome")]  # done', ["Rome"], 1),
        (' [City(span="Rome")] + [Person(span="Bo")]', ["Rome", "Bo"], 2),
        (" [x for x in [City(span='Rome')]]", None, 0),
        (" [City(span=s) for s in []]", [], 0),
    ],
)
def test_the_filter_keeps_what_the_text_holds(
    output: str, kept: list[str] | None, items: int
) -> None:
    reading = published_reading(output, WORDS, CLASSES)
    assert (reading.fault is None) == (kept is not None)
    assert [one.span for one in reading.kept] == (kept or [])
    assert len(reading.before) == items


@pytest.mark.parametrize(
    ("output", "fault"),
    [
        ("", "no blank behind the prompt"),
        ('\n[City(span="Rome")]', "no blank behind the prompt"),
        (" ", "no blank behind the prompt"),
        (' [City(span="Rome"', "no list of objects: SyntaxError"),
        (" [City()]", "no list of objects: TypeError"),
        (' [City(span="a", x=1)]', "no list of objects: TypeError"),
        (' [City(span="a", span="b")]', "no list of objects: SyntaxError"),
        (' {City(span="a")}', "no list of objects: TypeError: unhashable"),
        (' [os.system("true")]', "no list of objects: AttributeError"),
        (" [1 + None]", "no list of objects: TypeError"),
        (" [City(span=str(b'x', 'latin-99'))]", "no list of objects: LookupError"),
        (" [City(span=int(1e999))]", "no list of objects: OverflowError"),
        (' City(span="a")', "ends with TypeError: 'City' object is not iterable"),
        (" None", "ends with TypeError: 'NoneType' object is not iterable"),
        (" City", "ends with TypeError: 'type' object is not iterable"),
        (" [exit()]", "ends with SystemExit"),
        (' [City(span=s) for s in "ab"]', "ends with no end"),
        (' (City(span=s) for s in "ab")', "ends with NameError"),
        (' [__import__("os").system("true")]', "code that is not run"),
        (' [open("x")]', "code that is not run"),
        (' ["x" * 10**9]', "code that is not run"),
        (' ["x" * 99999]', "code that is not run"),
        (' [("x" * 9999).replace("x", "y" * 9999)]', "code that is not run"),
        (" [1 if 2 else 3]", "code that is not run"),
    ],
)
def test_what_the_published_reader_loses_is_told(output: str, fault: str) -> None:
    reading = published_reading(output, WORDS, CLASSES)
    assert reading.kept == reading.before == ()
    assert fault in str(reading.fault)


def test_each_gold_entity_is_used_once() -> None:
    gold = [("City", "Rome"), ("Person", "Bo"), ("Person", "bo")]
    output = ' [City(span="rome"), Person(span="Bo"), Entity(span="saw"), City(span="and")]'
    found = published_reading(output, WORDS, CLASSES).kept
    assert published_counts(gold, found, CLASSES) == (2, 3, 3)
