"""Tracking in MLflow: runs, metrics, the tracking store, served models."""
