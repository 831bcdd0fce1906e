"""Prints what `gner push` uploads: the files, the card where it is asked for, and what to know before."""

from flows.views.output import Output
from gner_core.reports.card.facts import CARD
from tasks.standalone.push import Publication


def print_publication(publication: Publication, *, repo: str, public: bool, whole: bool) -> None:
    """Print files with their sizes.

    Args:
        whole: print the card, too.
    """
    console = Output()
    if whole:
        console.print(publication.card)
    console.print(f"to        {repo} ({'public' if public else 'private'})")
    for name in publication.files:
        size = (publication.folder / name).stat().st_size
        console.print(f"file      {name}  {size / 1e6:,.2f} MB")
    console.print(f"file      {CARD}  the card")
    for note in publication.notes:
        console.print(f"note      {note}")
