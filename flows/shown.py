"""The reports of this machine: copies of published pages, below the home folder.

Example:
    put_report("demo.html", page.encode())
"""

import os
from pathlib import Path

from tasks.home import home_folder


def put_report(name: str, content: bytes) -> Path:
    """Put a file among the reports, whole or not at all; return its path."""
    place = home_folder() / "reports" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = place.with_name(f".{name}.part")
    aside.write_bytes(content)
    os.replace(aside, place)
    return place
