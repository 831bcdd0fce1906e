"""Which sentences are trained on in which order, and those that choose the weights."""
