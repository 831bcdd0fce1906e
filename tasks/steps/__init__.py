"""Typed steps: what determines each artifact, and the plans of experiments, sweeps and re-evaluations."""
