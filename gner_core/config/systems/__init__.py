"""Params of every system, one file a system."""
