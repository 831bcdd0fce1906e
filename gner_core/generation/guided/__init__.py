"""Guided decoding: the words are given, the model decides only the labels."""
