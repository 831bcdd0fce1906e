"""How the results of commands look."""
