"""Figures are drawn whatever other threads do."""

import subprocess
import sys
from pathlib import Path

from gner_core.reports.experiment.figures import f1_panels

HALF_IMPORTED = """
import sys, threading, time

thread = threading.Thread(target=__import__, args=["IPython"])
thread.start()
while "IPython" not in sys.modules:
    time.sleep(0.01)
from gner_core.reports.experiment.figures import loss_panels

(panel,) = loss_panels({"adaptation": [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}]})
assert "<svg" in panel
thread.join()
"""


def test_another_thread_may_be_importing_ipython(tmp_path: Path, root: Path) -> None:
    (tmp_path / "IPython.py").write_text("import time\ntime.sleep(2)\nversion_info = (9, 0)\n")
    environment = {"PYTHONPATH": f"{tmp_path}:{root}"}
    done = subprocess.run(
        [sys.executable, "-c", HALF_IMPORTED],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_dollars_in_names_are_no_formula() -> None:
    score = {"f1": 0.5, "interval": [0.4, 0.6]}
    (panel,) = f1_panels({"us$_$ news": {"corpora": {"a$_$b": score}, "macro": score}})
    assert "a$_$b" in panel
