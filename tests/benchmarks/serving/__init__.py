"""How a server does under load: `python -m tests.benchmarks.serving --help`."""
