"""Checkpoints: what identifies one, where new ones are found, the registry, their tests."""
