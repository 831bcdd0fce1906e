"""A process is known to be dead only where that is certain."""

import os
import subprocess
import sys

import pytest

from gner_core.runtime.processes import UNKNOWN, has_died, this_process

TELL = "from gner_core.runtime.processes import this_process; print(this_process(), flush=True); input()"


def test_a_killed_process_has_died_also_while_its_parent_has_not_noticed() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    name = child.stdout.readline().strip()
    assert not has_died(name)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
    assert has_died(name)
    child.wait()
    assert has_died(name)


@pytest.mark.parametrize(
    ("part", "value", "died"),
    [
        (0, "elsewhere", False),  # nothing can be seen of another machine
        (1, "an-earlier-boot", True),
        (2, "7", False),  # the process ids of a container say nothing here
        (3, "4194305", True),  # above the greatest process id
        (4, "1", True),  # the number was used again
        (4, UNKNOWN, False),
    ],
)
def test_every_part_of_the_name_counts(part: int, value: str, died: bool) -> None:
    words = this_process().split("/")
    words[part] = value
    assert has_died("/".join(words)) == died
