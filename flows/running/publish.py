"""Where people find results: copies of published pages below the home folder, links in Prefect."""

from collections.abc import Mapping
from pathlib import Path

from prefect.artifacts import create_link_artifact

from gner_core.runtime.files import write_file
from tasks.paths import home_folder


def put_report(name: str, content: bytes) -> Path:
    """Put a file among the reports, whole or not at all; return its path."""
    place = home_folder() / "reports" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    write_file(place, content)
    return place


def show_links(links: Mapping[str, str]) -> None:
    """Show addresses by title as artifacts of the Prefect flow run around us."""
    for title, url in links.items():
        create_link_artifact(url, title, key=title.lower().replace(" ", "-"))
