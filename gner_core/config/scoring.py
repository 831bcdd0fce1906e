"""How sure scores are, and which types are left out of some of them."""
