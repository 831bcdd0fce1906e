"""The paper's numbers, and what we measured beside them."""
