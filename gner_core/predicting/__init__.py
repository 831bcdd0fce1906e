"""Predicting: entities with offsets in any text, from a checkpoint and a list of types."""
