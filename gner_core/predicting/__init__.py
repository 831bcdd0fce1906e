"""Predicting: finds entities with offsets in any text, given a checkpoint and entity types."""
