r"""InstructUIE's prompts and targets; the wording is that of released models.

Example:
    >>> prompt(("Ada", "waves"), ("person", "place"), wording=1).splitlines()[1:]
    ['Option: person, place ', 'Text: Ada waves ', 'Answer:']
    >>> target([("person", "Ada"), ("place", "Rome")])
    ' person: Ada; place: Rome'
"""

from collections.abc import Sequence
from string import Formatter

_PAIRS = 'Output format is "type1: word1; type2: word2". \n'
WORDINGS = {
    1: f"Please list all entity words in the text that fit the category.{_PAIRS}",
    2: f"Please find all the entity words associated with the category in the given text.{_PAIRS}",
    3: f"Please tell me all the entity words in the text that belong to a given category.{_PAIRS}",
}
"""The published instructions; a blank is missing after the first full stop of each."""
SPANS_ONLY = (
    "Please list all entity words in the text that fit the category. "
    'Output format is "word1, word2". \n'
)
TYPES_ONLY = f"Given options, please tell me the categories of all the listed entity words.{_PAIRS}"
NOTHING = "None"

Entity = tuple[str, str]
"""Type and text."""


def prompt(
    words: Sequence[str],
    types: Sequence[str],
    *,
    wording: int,
    dataset: str | None = None,
    faithful: bool = False,
) -> str:
    """Return the prompt that asks for the entities of all types.

    Args:
        dataset: name that the prompt begins with, None for no such lines.
        faithful: repeat the published fault with braces in types.
    """
    prefix = "" if dataset is None else f"Task:NER\nDataset:{dataset}\n"
    return prefix + _filled(WORDINGS[wording], words, types, "", faithful=faithful)


def spans_prompt(words: Sequence[str], types: Sequence[str], *, faithful: bool = False) -> str:
    """Return the prompt of the auxiliary task that asks for entities without their types."""
    return _filled(SPANS_ONLY, words, types, "", faithful=faithful)


def types_prompt(
    words: Sequence[str], types: Sequence[str], texts: Sequence[str], *, faithful: bool = False
) -> str:
    """Return the prompt of the auxiliary task that asks for the types of listed entities."""
    listed = f" Entities: {', '.join(texts)} \n"
    return _filled(TYPES_ONLY, words, types, listed, faithful=faithful)


def target(entities: Sequence[Entity]) -> str:
    """Return the answer that names entities with their types, in the order given."""
    return f" {'; '.join(f'{label}: {text}' for label, text in entities) or NOTHING}"


def spans_target(texts: Sequence[str]) -> str:
    """Return the answer that names entities without their types."""
    return f" {', '.join(texts) or NOTHING}"


def _filled(
    instruction: str, words: Sequence[str], types: Sequence[str], listed: str, *, faithful: bool
) -> str:
    text = " ".join(words)
    head, tail = f"{instruction}Option: {', '.join(types)} \nText: ", f" \n{listed}Answer:"
    return _published_fill(f"{head}{{0}}{tail}", text) if faithful else f"{head}{text}{tail}"


def _published_fill(template: str, text: str) -> str:
    """Return a template with the text in place of `{0}`, as the published code fills it.

    Braces in types are part of the template, so a single or a foreign one lets the filling fail:
    the placeholder stays. Two in a row become one, and `{0}` in a type is filled as well.
    """
    try:
        pieces = [*Formatter().parse(template)]
    except ValueError:
        return template
    if any(
        name is not None and (name, form, sign) != ("0", "", None) for _, name, form, sign in pieces
    ):
        return template
    return "".join(literal + (text if name else "") for literal, name, _, _ in pieces)
