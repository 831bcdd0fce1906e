"""Measurements are made once per machine, and again where the file is gone or damaged."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from gner_core.runtime.measured import measured


@pytest.fixture
def numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "gner"


def test_a_thing_is_measured_once(cache: Path, numbers: Iterator[int]) -> None:
    assert measured("speed", lambda: [next(numbers), 0.5]) == [1, 0.5]
    assert measured("speed", lambda: [next(numbers), 0.5]) == [1, 0.5]
    assert measured("another", lambda: [next(numbers)]) == [2]
    assert len(list(cache.iterdir())) == 2


def test_a_damaged_file_is_measured_anew(cache: Path, numbers: Iterator[int]) -> None:
    measured("speed", lambda: [next(numbers)])
    (file,) = cache.iterdir()
    file.write_text("{")
    assert measured("speed", lambda: [next(numbers)]) == [2]
    assert measured("speed", lambda: [next(numbers)]) == [2]


def test_a_cache_that_cannot_be_written_is_no_error(cache: Path, numbers: Iterator[int]) -> None:
    cache.touch()  # a file where the folder should be
    assert measured("speed", lambda: [next(numbers)]) == [1]
    assert measured("speed", lambda: [next(numbers)]) == [2]
