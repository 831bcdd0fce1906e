import time

import pytest

from tests.gner_core.systems.hostile import hostile_outputs, read, readers

PATTERNS = (
    *("[", "(", "{", '"', "'", "\\", '\\"', '""""""', "#", ",", " ", "\n", "-", ";", ";;a", "\x00"),
    *("A(", 'A("', 'A("\\"', 'A(span="a" ', 'A(span="a"),', "A(span='O'Neil')", '"a",', '["a",'),
    *("person", "person:", "person   ", "person: a;b;", "x.a", "1+1+", "not ", "lambda:", 'f"{1}"'),
    *("Ada ", "ASSISTANT:", "USER:", "result = ", "9", "\ud83d", "for x in [", "a if b else "),
)


@pytest.mark.parametrize("name", [*readers()])
def test_no_output_is_too_much(name: str) -> None:
    reader = readers()[name]
    for output in hostile_outputs(700, seed=2):
        read(reader, output)


@pytest.mark.parametrize("name", [*readers()])
def test_long_outputs_take_no_long_time(name: str) -> None:
    reader = readers()[name]
    for beginning in ("", " [", '["'):
        for pattern in PATTERNS:
            started = time.perf_counter()
            read(reader, beginning + pattern * (6000 // len(pattern)))
            assert time.perf_counter() - started < 2, pattern
