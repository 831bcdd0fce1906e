"""What a model of GLiNER reads: the types with a marker each, then the words of the sentence."""

from collections.abc import Sequence

ENTITY, LABEL, END_OF_TYPES = "<<ENT>>", "<<LABEL>>", "<<SEP>>"


def words_read(words: Sequence[str], types: Sequence[str], *, causal: bool) -> list[str]:
    """Return the words that are tokenized, one by one.

    Args:
        causal: the model reads from left to right, so that a marker stands behind its type.

    Example:
        >>> words_read(["Ada", "waves"], ["person"], causal=False)
        ['<<ENT>>', 'person', '<<SEP>>', 'Ada', 'waves']
    """
    marked = [(kind, LABEL) if causal else (ENTITY, kind) for kind in types]
    return [*(word for pair in marked for word in pair), END_OF_TYPES, *words]
