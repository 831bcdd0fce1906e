"""Readers of line-based formats."""
