"""Chaos: kills at random moments, and what must be true afterwards. See `tests.chaos.__main__`."""
