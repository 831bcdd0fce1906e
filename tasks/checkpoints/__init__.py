"""Checkpoints wherever they are: what identifies one, and where new ones are found."""
