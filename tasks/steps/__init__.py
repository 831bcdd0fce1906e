"""Typed steps: what determines each artifact, and so its key."""
