"""Shows results to people: copies of reports below GNER_HOME, links in Prefect."""

from collections.abc import Mapping
from pathlib import Path

from prefect.artifacts import create_link_artifact

from gner_core.runtime.files import write_file
from tasks.paths import home_folder


def put_report(name: str, content: bytes) -> Path:
    """Write a file into the folder of reports, whole or not at all; return its path."""
    path = home_folder() / "reports" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, content)
    return path


def show_links(links: Mapping[str, str]) -> None:
    """Show addresses by title as artifacts of the Prefect flow run around us."""
    for title, url in links.items():
        create_link_artifact(url, title, key=title.lower().replace(" ", "-"))
