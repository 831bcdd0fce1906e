"""Flows: what happens in which order, and the command line. No logic."""
