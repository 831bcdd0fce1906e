"""Params of what has several experiments: sweeps, studies, and the page of their results."""
