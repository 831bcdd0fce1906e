"""The paper's numbers, and our scores compared with them."""
