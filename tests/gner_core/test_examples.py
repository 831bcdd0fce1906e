"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import gner_core
import tasks

RUN_BY_OTHERS = ("tasks.tracking.serving_model", "gner_core.systems.gliner.child")
"""By MLflow's server and in GLiNER's environment."""
MODULES = sorted(
    name
    for package in (gner_core, tasks)
    for _, name, is_package in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not is_package and name not in RUN_BY_OTHERS
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples_in_many_modules() -> None:
    finder = doctest.DocTestFinder()
    found = [finder.find(importlib.import_module(name)) for name in MODULES]
    assert sum(any(test.examples for test in tests) for tests in found) > 15
