"""Measures a training compared with plain transformers."""
