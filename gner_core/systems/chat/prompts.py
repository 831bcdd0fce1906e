"""What an endpoint is asked about a sentence, with a template from a params file."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from gner_core.config.reading.files import read_params
from gner_core.config.systems.chat import PLACEHOLDERS, ChatSystem, ChatTemplate
from gner_core.errors import InputError
from gner_core.records import Sentence
from gner_core.store.fingerprint import fingerprint
from gner_core.systems.naming import type_names


class Question(NamedTuple):
    """One request to an endpoint."""

    id: str
    """Hash of the request's body: equal questions are asked once."""
    body: Mapping[str, object]
    """All fields of the request."""
    about: str
    """Id of the sentence and the type asked for, for messages."""


def read_template(system: ChatSystem) -> ChatTemplate:
    """Read the template of a system.

    Raises:
        InputError: when the file is malformed, lacks a placeholder, or has one that is not filled.
    """
    file = system.file_of("template")
    assert file is not None
    template = read_params(ChatTemplate, file)
    ask = system.ask
    found, needed = template.placeholders(), {*PLACEHOLDERS[ask]}
    lacking, unknown = sorted(needed - found), sorted(found - needed)
    if lacking or unknown:
        faults = [f"lacks {{{name}}}" for name in lacking]
        faults += [f"has {{{name}}}, which nothing fills" for name in unknown]
        needs = " and ".join(f"{{{name}}}" for name in sorted(needed))
        raise InputError(f"{file}: {', '.join(faults)}; ask: {ask} needs {needs}")
    return template


class Questioner:
    """Writes the requests about sentences."""

    def __init__(self, system: ChatSystem) -> None:
        """Read the template and the names of types.

        Raises:
            InputError: when one of the files cannot be used.
        """
        self._system = system
        self._template = read_template(system)
        self._names = type_names(system.type_names)

    def questions(self, sentence: Sentence) -> list[Question]:
        """Return the requests about a sentence: one a type, or one for all types.

        Raises:
            InputError: if two types have one name.
        """
        text = " ".join(sentence.words)
        types = [self._names.get(name, name) for name in sentence.types]
        if len({*types}) < len(types):
            raise InputError(
                f"{self._system.type_names}: gives two types of {sentence.id} one name: "
                f"{', '.join(types)}; give each a name of its own"
            )
        if self._system.ask == "all":
            shown = ", ".join(json.dumps(name, ensure_ascii=False) for name in types)
            return [self._question({"text": text, "types": shown}, about=sentence.id)]
        return [
            self._question({"text": text, "type": name}, about=f"{sentence.id}, {name!r}")
            for name in types
        ]

    def _question(self, values: Mapping[str, str], *, about: str) -> Question:
        system = self._system
        roles = {"system": self._template.system, "user": self._template.user}
        body: dict[str, object] = {
            "model": system.model,
            "messages": [
                {"role": role, "content": _filled(text, values)}
                for role, text in roles.items()
                if text
            ],
            system.limit_field: system.answer_tokens,
            **system.extra,
        }
        if system.temperature is not None:
            body["temperature"] = system.temperature
        if system.seed is not None:
            body["seed"] = system.seed
        return Question(fingerprint(body), body, about)


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Fill all placeholders at once, so that braces in a sentence stay what they are."""
    return re.sub(r"\{([a-z_]+)\}", lambda found: values.get(found[1], found[0]), text)


def first_question(system: ChatSystem, sentence: Sentence) -> str:
    """Return the messages of the first question about a sentence, as a reader sees them.

    Raises:
        InputError: as `Questioner`.
    """
    question = Questioner(system).questions(sentence)[0]
    messages: Any = question.body["messages"]
    return "\n\n".join(f"{one['role']}: {one['content']}" for one in messages)
