"""The training sentences in their order, and the validation sentences."""
