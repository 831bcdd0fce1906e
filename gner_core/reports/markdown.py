"""Parts of a page in Markdown, as GitHub and MkDocs show them."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence


def text(plain: str) -> str:
    """Return a plain text as it stands in a line or a cell: nothing in it is markup."""
    return re.sub(r"([\\`*_|<\[\]])", r"\\\1", " ".join(plain.split()))


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, texts: Collection[int] = (0,)
) -> str:
    """Return a table; all columns but those of texts, by their place, are aligned to the right.

    Example:
        >>> print(table(["corpus", "F1"], [["music", "29.5"]]))
        | corpus | F1 |
        |---|--:|
        | music | 29.5 |
    """
    rules = ["---" if place in texts else "--:" for place in range(len(head))]
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(rules)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def folded(summary: str, *parts: str) -> str:
    """Return what is shown when somebody opens it."""
    inside = "\n\n".join(parts)
    return f'<details markdown="1">\n<summary>{summary}</summary>\n\n{inside}\n\n</details>'


def anchor(title: str) -> str:
    """Return the link to a heading, as MkDocs names it; so does GitHub, but for dashes in a row.

    Example:
        >>> anchor("Context and BIO (Table 1, Fig. 4)")
        '#context-and-bio-table-1-fig-4'
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return "#" + re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def block(lines: str) -> str:
    """Return commands."""
    return f"```\n{lines}\n```"


def joined(parts: Iterable[str]) -> str:
    """Return the parts of a page that are not empty, with a blank line between them."""
    return "\n\n".join(part.strip() for part in parts if part.strip())
