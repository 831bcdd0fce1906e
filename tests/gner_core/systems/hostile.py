"""Hostile outputs for the readers; `python -m tests.gner_core.systems.hostile 100000` reads many.

They are right answers of every system that were cut, repeated, put together and sprinkled with
signs that mean something to one of the readers.
"""

import random
import resource
import sys
import time
from collections.abc import Iterator

from gner_core.systems.interface import Reader, Reading
from gner_core.systems.registry import text_system
from tests.gner_core.systems.params import gollie, instructuie, uniner

WORDS = tuple(
    'Ada of Zoé met "C" ; a : b in New York , New York Times 北京 İzmir result = 5 .'.split()
)
TYPES = ("person", "program language", "location", "a: b")
ANSWERS = (
    '["Ada", "New York", "\\u00e9"]',
    " person: Ada; location: New York; a: b: x",
    ' [\n    Person(span="Ada"),\n    ProgramLanguage(span=\'C\'),\n    Location("New York"),\n]\n',
    '[Person(span=s) for s in ["Ada", "C"]]',
    'Person(span="A" + "da" * 9).strip()[0]',
    "f\"{Person(span='Ada')!r}\", lambda x: x, *y, **z, a if b else c, not d",
    "ASSISTANT: None</s>USER: What? ASSISTANT: []",
)
SIGNS = (
    *"[](){}<>\"'`,;:=.*+-#\\/@%\n\t\r \x00\x0b\u2028é北😀\u0301\u202e\ud83d\udc00",
    *(
        '"""',
        "'''",
        '\\"',
        "\\u",
        "\\ud83d",
        "\\x",
        "\\N{",
        "{0}",
        "```",
        "</s>",
        "result = ",
        "é" * 9,
    ),
    *(
        "Person(",
        "span=",
        "City(span=",
        "Entity",
        "None",
        "exit()",
        "__import__",
        "9" * 5000,
        "1e999",
    ),
    *("person:", "Person", "location", "Answer:", "USER:", "for x in ", "lambda: ", "await ", "0x"),
)


def hostile_outputs(count: int, seed: int) -> Iterator[str]:
    """Yield outputs of up to some thousands of characters."""
    draw = random.Random(seed)
    for _ in range(count):
        text = "".join(draw.choice(ANSWERS) for _ in range(draw.randint(0, 3)))
        for _ in range(draw.randint(0, 12)):
            at, cut = draw.randint(0, len(text)), draw.choice((0, 0, 1, 9))
            sign = draw.choice(SIGNS) * draw.choice((1, 1, 1, 2, 3, 50, 400))
            text = text[:at] + sign[:4000] + text[at + cut :]
        yield text


def readers() -> dict[str, Reader]:
    """Return every reader, faithful and repaired."""
    makers = {"uniner": uniner, "instructuie": instructuie, "gollie": gollie}
    return {
        f"{name}, {'faithful' if faithful else 'repaired'}": text_system(make(faithful=faithful))
        for name, make in makers.items()
        for faithful in (False, True)
    }


def read(reader: Reader, output: str) -> Reading:
    """Read an output as the answer to every question, and check what every reading promises."""
    reading = reader.read(WORDS, TYPES, [output] * len(TYPES))
    assert list(reading.spans) == sorted(set(reading.spans))
    assert all(0 <= s.start < s.end <= len(WORDS) and s.label in TYPES for s in reading.spans)
    assert all(label in TYPES for label, _ in reading.hallucinated)
    repr(reading[1:]).encode()
    "".join(
        [*reading.unread, *(text for pair in reading[1] + reading[2] for text in pair)]
    ).encode()
    return reading


def main(count: int) -> None:
    """Print what reading many outputs takes, reader by reader."""
    for name, reader in readers().items():
        started, longest, characters = time.perf_counter(), 0.0, 0
        for output in hostile_outputs(count, seed=1):
            before = time.perf_counter()
            read(reader, output)
            longest = max(longest, time.perf_counter() - before)
            characters += len(output)
        took = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{name}: {count} outputs of {characters // count} characters: {took:.0f} s, "
            f"longest {longest * 1000:.0f} ms, peak {peak} MB",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]))
