"""Params of the text systems for tests."""

from typing import Any

from gner_core.config.systems.gollie import GollieSystem
from gner_core.config.systems.instructuie import InstructUieSystem
from gner_core.config.systems.uniner import UninerSystem

EVERY = {"type_names": None, "answer_tokens": 64, "faithful": False}


def uniner(**changes: Any) -> UninerSystem:
    values = {"kind": "uniner", "style": "type", "ask": "each", "definitions": None}
    return UninerSystem.model_validate(EVERY | values | changes)


def instructuie(**changes: Any) -> InstructUieSystem:
    values = {"kind": "instructuie", "wording": 1, "dataset": None, "auxiliary": 0.0}
    return InstructUieSystem.model_validate(EVERY | values | changes)


def gollie(**changes: Any) -> GollieSystem:
    guidelines = {"guidelines": "none", "guidelines_file": None}
    training = {"order": "given", "masking": [], "dropout": 0.0}
    return GollieSystem.model_validate(EVERY | {"kind": "gollie"} | guidelines | training | changes)
