"""How each kind of system finds the entities of a window of text."""
