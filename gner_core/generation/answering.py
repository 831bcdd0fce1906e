"""What all generations have alike whose records are answers in strings."""

from collections.abc import Sequence
from pathlib import Path

from gner_core.generation.job import Job
from gner_core.records import Answered, read_answers, write_answers


class AnsweringJob(Job[Answered]):
    """A generation of answers, kept as they are for a reader."""

    def write(self, path: Path, records: Sequence[Answered]) -> None:
        """Write answers as one Parquet file."""
        write_answers(path, records)

    def read(self, path: Path) -> list[Answered]:
        """Read a file that `write` has written."""
        return read_answers(path)
