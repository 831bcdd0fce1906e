"""`python -m flows` is the command line `gner`."""

from flows.cli import app

app()
