"""How a graph of steps is run: around it, through it, and how it ends."""
