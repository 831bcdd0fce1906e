"""Starts the ranks of a training, and lets none outlive it."""
