"""Turns of workers: each experiment says how many may run when its own begins."""

import threading

from tasks.context import Turns


def test_a_turn_waits_while_as_many_run_as_its_experiment_allows() -> None:
    turns, begun = Turns(), threading.Event()

    def alone() -> None:
        with turns.one_of(1):
            begun.set()

    with turns.one_of(2), turns.one_of(2):
        thread = threading.Thread(target=alone)
        thread.start()
        assert not begun.wait(0.05)
    assert begun.wait(5)
    thread.join()
