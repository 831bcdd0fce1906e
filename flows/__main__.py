"""`python -m flows` is the command line `gner`."""

from flows.cli.main import app

app()
