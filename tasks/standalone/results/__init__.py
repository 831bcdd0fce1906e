"""Studies between the store and the page of their results."""
