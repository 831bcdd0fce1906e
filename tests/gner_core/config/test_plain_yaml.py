"""YAML is what was written: what would be dropped or changed without a word is an error."""

import pytest

from gner_core.config.reading.plain_yaml import read_text
from gner_core.config.scoring import BootstrapParams
from gner_core.errors import InputError
from gner_core.strict import StrictModel


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("NO", "NO"),
        ("on", "on"),
        ("true", "true"),
        ("2024-01-02", "2024-01-02"),
        ("12:30", "12:30"),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("-3", -3),
        ("1e-3", 0.001),
        ("5.0e-5", 0.00005),
        (".5", 0.5),
        ("~", None),
        ("null", None),
        ("", None),
        ("'1'", "1"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_a_text_stays_what_it_is(written: str, value: object) -> None:
    found = read_text(f"a: {written}", "x.yaml")
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


def test_keys_stay_what_they_are() -> None:
    assert read_text("{no: 1, on: 2, y: 3}", "x.yaml") == {"no": 1, "on": 2, "y": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "x.yaml, line 3: a is there twice (first in line 1)"),
        ("a:\n  b: {c: 1, c: 1}", "x.yaml, line 2: a.b.c is there twice (first in line 2)"),
        ("a:\n- b: 1\n  b: 2", "x.yaml, line 3: a.0.b is there twice (first in line 2)"),
        ("{1: a, 1: b}", "x.yaml, line 1: 1 is there twice (first in line 1)"),
        ("a: {b: [1, .inf]}", "x.yaml: a.b.1: Input should be a finite number, got inf"),
        ("a: " + "[" * 60 + "]" * 60, "x.yaml: a.0.0"),
        ("a: " + "[" * 9000, "x.yaml: "),
        (
            "a0: &a0 [1, 1]\n"
            + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 30)),
            "x.yaml: a18: aliases make more than 1,000,000 values of it",
        ),
        ("a: -.INF", "x.yaml: a: Input should be a finite number, got -inf"),
        ('a: {b: "c\\0d.yaml"}', "x.yaml: a.b: holds a NUL"),
        ("a: .nan", "x.yaml: a: Input should be a finite number, got nan"),
        ("a: 1.0e999", "x.yaml: a: Input should be a finite number, got inf"),
        ("a: &a {b: *a}", "x.yaml: a.b: an alias of a section that holds it"),
        ("a: !!set {b}", "x.yaml: not valid YAML: could not determine a constructor"),
        ("a: !!int b", "x.yaml: not valid YAML: invalid literal for int()"),
        ("a: 1\n---\na: 2", "x.yaml: not valid YAML: expected a single document"),
    ],
)
def test_what_would_be_lost_is_an_error_with_its_key(text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read_text(text, "x.yaml")
    assert str(error.value).startswith(message)


def test_merge_keys_and_aliases_are_allowed() -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: [*a, *a]"
    found = read_text(text, "x.yaml")
    assert found["b"] == {"x": 1, "y": 3}
    assert found["c"] == [found["a"], found["a"]]


class Rate(StrictModel):
    """A number without bounds."""

    rate: float


@pytest.mark.parametrize("given", ["true", "yes", "inf", "nan", float("inf")])
def test_a_number_is_no_word_and_finite(given: object) -> None:
    with pytest.raises(ValueError, match=r"level\n"):
        BootstrapParams.model_validate({"level": given, "resamples": 100, "seed": 1})
    with pytest.raises(ValueError, match=r"rate\n"):
        Rate.model_validate({"rate": given})
