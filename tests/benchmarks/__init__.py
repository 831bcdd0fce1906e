"""Measurements that are no tests: `python -m tests.benchmarks.NAME --help`."""
