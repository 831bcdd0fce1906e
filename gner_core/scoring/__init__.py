"""Scoring: integer counts first, precision, recall and F1 derived from them last."""
