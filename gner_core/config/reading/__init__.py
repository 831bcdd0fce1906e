"""Reads the files of params/: includes, overrides, sweeps, and errors that name file and key."""
