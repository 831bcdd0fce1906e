"""GoLLIE: Python classes with guidelines, answered with a list of objects."""
