import keyword
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gner_core.systems.gollie.class_names import class_names, spelled_out


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("person", "Person"),
        ("political party", "PoliticalParty"),
        ("Restaurant Name", "RestaurantName"),
        ("ProgrammingLanguage", "ProgrammingLanguage"),
        ("PER", "PER"),
        ("C++", "CPlusPlus"),
        ("C#", "CSharp"),
        ("e-mail address", "EMailAddress"),
        ("größe", "Größe"),
        ("人物", "人物"),
        ("2d shape", "_2d_shape"),
        ("none", "_none"),
        ("True", "_True"),
        ("entity", "_entity"),
        ("LABEL_1", "LABEL1"),
        ("", "_"),
        ("??", "___3f___3f_"),
        ("ﬁsh", "FIsh"),
    ],
)
def test_the_class_of_a_type(name: str, expected: str) -> None:
    assert class_names([name]) == {name: expected}


def test_types_that_would_have_one_name_are_spelled_out() -> None:
    assert class_names(["e-mail", "e mail", "Bank", "bank", "C++", "c plus plus", "city"]) == {
        "e-mail": "_e__2d_mail",
        "e mail": "_e_mail",
        "Bank": "_Bank",
        "bank": "_bank",
        "C++": "_C__2b___2b_",
        "c plus plus": "_c_plus_plus",
        "city": "City",
    }


TEXT = st.text(st.sampled_from("ab Z9_-+#é北ﬁ\u0301\n"), max_size=6)


@given(st.lists(TEXT, max_size=6, unique=True))
def test_names_are_valid_and_unique(types: list[str]) -> None:
    names = class_names(types)
    assert [*names] == types
    assert len({*names.values()}) == len(types)
    for name in names.values():
        assert name.isidentifier() and not keyword.iskeyword(name)
        assert unicodedata.normalize("NFKC", name) == name  # as Python reads names
    assert len({spelled_out(name) for name in types}) == len(types)
