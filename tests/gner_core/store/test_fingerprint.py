import pytest

from gner_core.store.fingerprint import canonical, fingerprint


def test_the_order_of_keys_does_not_matter_and_every_value_does() -> None:
    assert fingerprint({"a": 1, "b": [2.5, None]}) == fingerprint({"b": [2.5, None], "a": 1})
    values = [{"a": 1}, {"a": "1"}, {"a": True}, {"a": [1]}, {"b": 1}, {"a": 1.5}]
    assert len({fingerprint(value) for value in values}) == len(values)


def test_a_fingerprint_is_the_same_in_every_version_of_the_program() -> None:
    assert fingerprint({"step": "train", "seed": 1}) == "c205f4a2831c025b5928"


@pytest.mark.parametrize(
    ("value", "place"),
    [({"a": {1, 2}}, "value.a"), ({"a": [object()]}, r"value.a\[0\]"), ({1: 2}, "value")],
)
def test_values_without_a_stable_form_are_refused(value: object, place: str) -> None:
    with pytest.raises(TypeError, match=place):
        canonical(value)


def test_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match=r"value\.lr"):
        canonical({"lr": float("nan")})
