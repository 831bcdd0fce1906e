"""The time that work has to save its state."""

import pytest

from gner_core.errors import InputError
from gner_core.runtime.grace import GRACE, grace_seconds


def test_the_environment_sets_the_grace_period(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(GRACE, raising=False)
    assert grace_seconds() == 300
    monkeypatch.setenv(GRACE, "1800")
    assert grace_seconds() == 1800


@pytest.mark.parametrize("given", ["", "soon", "-1", "inf", "nan", "5 min"])
def test_a_wrong_grace_period_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GRACE, given)
    with pytest.raises(InputError, match=f"^GNER_GRACE_SECONDS={given}: must be a number of sec"):
        grace_seconds()
