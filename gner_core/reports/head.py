"""What is known of a run, and links to it, put into a page that was made without them.

A published page has neither: it is the same for every run of the same steps, and addresses differ
between machines.
"""

import re
from collections.abc import Mapping

from markupsafe import Markup, escape

TITLE_END, TAB_END = "</h1>", "</title>"
DIFFERS = "differs from the file"
"""The fact about a run that the title of its page names, too."""
FOLDED = Markup(
    '<details id="about"><summary>How this was run: date, command, commit, files</summary>'
    '<dl id="run">{}</dl></details>'
)
OPEN = FOLDED.replace("<details", "<details open")
LINKS = re.compile(r'<p class="sub" id="links">.*?</p>')
"""Where links stand, or stood before a later call."""


def with_head(page: str, facts: Mapping[str, str]) -> str:
    """Return a page, of an experiment or of a sweep, with facts about its run below its title."""
    row = Markup("<dt>{}</dt><dd>{}</dd>")
    rows = Markup("").join(row.format(*fact) for fact in facts.items())
    changes = facts.get(DIFFERS)
    table = (OPEN if changes else FOLDED).format(rows)
    if changes:
        page = page.replace(TAB_END, f", {escape(changes)}{TAB_END}", 1)
    return page.replace(TITLE_END, f"{TITLE_END}\n{table}", 1)


def with_links(page: str, links: Mapping[str, str]) -> str:
    """Return a page with links below its title, instead of those that it has."""
    anchors = [Markup('<a href="{}">{}</a>').format(url, title) for title, url in links.items()]
    filled = Markup('<p class="sub" id="links">{}</p>').format(Markup(" · ").join(anchors))
    return LINKS.sub(lambda _: str(filled), page, count=1)
