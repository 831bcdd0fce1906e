import random
from pathlib import Path

import pytest

from gner_core.errors import InputError
from gner_core.records import Span
from gner_core.systems.gollie.prompts import literal, target
from gner_core.systems.gollie.system import Gollie
from tests.gner_core.systems.params import gollie

WORDS = ("Ada", "saw", '"Alien"', "in", "Rome", ".")
TYPES = ("person", "film title")
GOLD = (Span(0, 1, "person"), Span(2, 3, "film title"))
PLAIN = """\
# The following lines describe the task definition
@dataclass
class Person(Entity):
    span: str


@dataclass
class FilmTitle(Entity):
    span: str


# This is the text to analyze
text = 'Ada saw "Alien" in Rome .'

# The annotation instances that take place in the text above are listed here
result ="""
TARGET = """ [
    Person(span="Ada"),
    FilmTitle(span='"Alien"'),
]
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "guidelines.py"
    path.write_text(
        'class Person(Entity):\n    """A human being."""\n'
        '    span: str  # Such as: "Bo", "Cy", "Di", "Ed", "Flo", "Gus"\n'
        "class FilmTitle(Entity):\n    '''The class of films, \"all of them\"'''\n"
        "    span: str\n"
    )
    return str(path)


def test_the_prompt_without_guidelines() -> None:
    (query,) = Gollie(gollie()).queries(WORDS, TYPES)
    assert query == (PLAIN, None, False)
    (query,) = Gollie(gollie(order="sorted")).queries(WORDS, TYPES)
    assert query.prompt.index("FilmTitle") < query.prompt.index("Person")


def test_the_prompt_with_guidelines(file: str) -> None:
    system = Gollie(gollie(guidelines="examples", guidelines_file=file))
    (query,) = system.queries(WORDS, TYPES)
    assert query.prompt.startswith(
        "# The following lines describe the task definition\n"
        "@dataclass\n"
        "class Person(Entity):\n"
        '    """A human being."""\n'
        "\n"
        '    span: str  # Such as: "Bo", "Cy", "Di", "Ed", "Flo"\n'
        "\n\n"
        "@dataclass\n"
        "class FilmTitle(Entity):\n"
        '    """The class of films, "all of them" """\n'
        "\n"
        "    span: str\n"
        "\n\n"
        "# This is the text"
    )


def test_the_published_prompt_keeps_the_sign_of_a_comment(file: str) -> None:
    params = {"guidelines": "definitions", "guidelines_file": file}
    repaired = Gollie(gollie(**params)).queries(WORDS, TYPES)[0].prompt
    published = Gollie(gollie(**params, faithful=True)).queries(WORDS, TYPES)[0].prompt
    assert "#" not in repaired.partition("class")[2].partition("# This")[0]
    assert published == repaired.replace("span: str\n", "span: str  #\n", 1)


def test_the_published_prompt_ends_at_the_first_mark() -> None:
    words = ("result", "=", "5")
    whole = Gollie(gollie()).queries(words, TYPES)[0].prompt
    published = Gollie(gollie(faithful=True)).queries(words, TYPES)[0].prompt
    assert published.endswith('\ntext = "result =') and whole.startswith(published)
    ((asked, answered),) = Gollie(gollie(faithful=True)).examples(
        words, [Span(2, 3, "person")], ("person",), random.Random(1), epoch=0
    )
    assert asked.text.endswith('\ntext = "result =')
    assert answered.text.startswith(' 5"\n') and answered.text.endswith('span="5"),\n]\n')


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("it's", '"it\'s"'),
        ('a "b"', "'a \"b\"'"),
        ("'a' \"b\"", '"\'a\' \\"b\\""'),
        ('\'a "b"', "'\\'a \"b\"'"),
        ("C:\\new", '"C:\\\\new"'),
        ("İ 北 😀", '"İ 北 😀"'),
        ("a\xa0b\u200b", '"a\\xa0b\\u200b"'),
    ],
)
def test_texts_are_written_in_the_quotes_that_need_fewer_backslashes(
    text: str, written: str
) -> None:
    assert literal(text) == written


def test_a_line_of_more_than_88_characters_is_wrapped() -> None:
    fits = "x" * (88 - len('    Person(span=""),'))
    assert target([("Person", fits)]) == f' [\n    Person(span="{fits}"),\n]\n'
    assert target([("Person", f"{fits}x")]) == (
        f' [\n    Person(\n        span="{fits}x"\n    ),\n]\n'
    )


def test_training_texts() -> None:
    ((asked, answered),) = Gollie(gollie()).examples(WORDS, GOLD, TYPES, random.Random(2), epoch=0)
    assert (asked.loss, answered.loss) == (False, True)
    assert answered.text == TARGET
    assert sorted(asked.text.splitlines()) == sorted(PLAIN.splitlines())


def test_classes_are_dropped_with_their_entities_but_never_all() -> None:
    system = Gollie(gollie(dropout=0.5))
    draw = random.Random(3)
    seen = set()
    for _ in range(60):
        ((asked, answered),) = system.examples(WORDS, GOLD, TYPES, draw, epoch=0)
        classes = [name for name in ("Person", "FilmTitle") if f"class {name}(" in asked.text]
        assert classes == [name for name in ("Person", "FilmTitle") if name in answered.text]
        seen.add(tuple(classes))
    assert seen == {("Person",), ("FilmTitle",), ("Person", "FilmTitle")}
    for _ in range(20):
        ((asked, _),) = system.examples(WORDS, GOLD[:1], TYPES[:1], draw, epoch=0)
        assert "class Person(" in asked.text


def test_masking_depends_on_the_epoch_and_hits_class_names_alone(file: str) -> None:
    params = {"guidelines": "examples", "guidelines_file": file, "masking": [0.0, 1.0]}
    system = Gollie(gollie(**params))

    def texts(epoch: int) -> tuple[str, str]:
        ((asked, answered),) = system.examples(WORDS, GOLD, TYPES, random.Random(4), epoch=epoch)
        return asked.text, answered.text

    assert "LABEL" not in "".join(texts(0))
    for epoch in (1, 2):  # the last probability holds on
        asked, answered = texts(epoch)
        assert sorted(part[:7] for part in asked.split("class LABEL")[1:]) == ["_1(Enti", "_2(Enti"]
        assert '"""The class of films, "all of them" """' in asked
        number = asked.partition('(Entity):\n    """A human')[0][-1]
        assert f'LABEL_{number}(span="Ada")' in answered
        assert "Person" not in answered + asked


def test_published_masking_hits_other_words_too(file: str) -> None:
    params = {"guidelines": "examples", "guidelines_file": file, "masking": [1.0]}
    system = Gollie(gollie(**params, faithful=True))
    ((asked, _),) = system.examples(WORDS, GOLD, TYPES, random.Random(4), epoch=0)
    assert '"""The class LABEL_' in asked.text
    assert "text = 'Ada saw" in asked.text


def test_training_draws_definitions_and_examples(file: str) -> None:
    system = Gollie(gollie(guidelines="examples", guidelines_file=file))
    draw = random.Random(1)
    comments = set()
    for _ in range(9):
        ((asked, _),) = system.examples(WORDS, GOLD, TYPES, draw, epoch=0)
        comments.add(asked.text.partition("Such as: ")[2].partition("\n")[0])
    assert len(comments) > 1 and all(comment.count(", ") == 4 for comment in comments)


def test_guidelines_and_their_file_belong_together(file: str) -> None:
    with pytest.raises(ValueError, match="guidelines need guidelines_file"):
        gollie(guidelines="examples")
    with pytest.raises(ValueError, match="guidelines need guidelines_file"):
        gollie(guidelines_file=file)
    system = Gollie(gollie(guidelines="examples", guidelines_file=file))
    with pytest.raises(InputError, match="no set of classes has Song"):
        system.queries(WORDS, ("person", "song"))


@pytest.mark.parametrize("faithful", [False, True])
def test_the_answer_is_read(faithful: bool) -> None:
    system = Gollie(gollie(faithful=faithful))
    reading = system.read(WORDS, TYPES, [TARGET])
    assert reading == (GOLD, (), (), 0, ())
    assert system.published(WORDS, GOLD, TYPES, [TARGET]) == (2, 2, 2)
    assert system.read(WORDS, TYPES, []).unread == ("no answer",)


def test_the_published_filter_drops_what_ours_counts() -> None:
    output = ' [Person(span="Bo"), Alien(span="Ada"), Person(span="da"), Person(span=" Ada")]'
    repaired = Gollie(gollie()).read(WORDS, TYPES, [output])
    assert repaired.spans == (Span(0, 1, "person"),)
    assert repaired.hallucinated == (("person", "Bo"), ("person", "da"))
    assert repaired.unknown == (("Alien", "Ada"),)
    published = Gollie(gollie(faithful=True)).read(WORDS, TYPES, [output])
    assert published.hallucinated == (("person", "da"),)  # part of a word passes the filter
    assert published.spans == published.unknown == ()
    assert published.unread == ("3 dropped by the published filter",)
