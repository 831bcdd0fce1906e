"""Slots of child processes: each step says how many may run when its own begins."""

import threading

from tasks.context import Slots


def test_a_slot_waits_for_while_as_many_run_as_its_experiment_allows() -> None:
    slots, begun = Slots(), threading.Event()

    def alone() -> None:
        with slots.one_of(1):
            begun.set()

    with slots.one_of(2), slots.one_of(2):
        thread = threading.Thread(target=alone)
        thread.start()
        assert not begun.wait(0.05)
    assert begun.wait(5)
    thread.join()
