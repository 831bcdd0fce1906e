"""Measures a training beside plain transformers."""
