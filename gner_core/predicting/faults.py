"""What of a system's answers is no entity; free of torch, so that the command line can use it."""

from collections.abc import Mapping

HALLUCINATED, UNKNOWN, UNREAD = "hallucinated", "unknown types", "unread"
OVERLAPPING, CUT_OFF = "overlapping", "cut off"
WORDS = {
    HALLUCINATED: "not in the text",
    UNKNOWN: "of a type that was not asked for",
    UNREAD: "that could not be read",
    OVERLAPPING: "overlapping another entity",
    CUT_OFF: "cut off at the token limit",
}


def told(faults: Mapping[str, int]) -> str:
    """Return in a line how much of the answers is no entity; nothing where all of it is.

    Example:
        >>> told({"hallucinated": 1200, "unread": 0, "cut off": 1})
        'answers left out or cut: 1,200 not in the text, 1 cut off at the token limit'
    """
    counts = [f"{faults[name]:,} {words}" for name, words in WORDS.items() if faults.get(name)]
    return f"answers left out or cut: {', '.join(counts)}" if counts else ""
