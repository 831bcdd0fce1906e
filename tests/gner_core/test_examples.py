"""The examples in docstrings are true. Rooms that load models are left out: they import for seconds."""

import doctest
import importlib
import pkgutil

import pytest

import gner_core

HEAVY = ("gner_core.backbones", "gner_core.training", "gner_core.generation")
MODULES = sorted(
    name
    for _, name, is_package in pkgutil.walk_packages(gner_core.__path__, "gner_core.")
    if not is_package and not name.startswith(HEAVY)
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_most_modules_are_looked_at() -> None:
    assert len(MODULES) > 40
