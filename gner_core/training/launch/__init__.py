"""Starts the ranks of a training, and ends them with it."""
