"""Passes of a model over rows of different lengths, packed without padding."""
