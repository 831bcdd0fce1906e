"""Readers of JSON records."""
