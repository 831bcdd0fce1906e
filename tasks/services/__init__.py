"""Prefect and MLflow servers and workers of one machine."""
