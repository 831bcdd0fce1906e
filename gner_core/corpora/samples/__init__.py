"""Which sentences of a corpus take part: drawn ones, and those held out from a training."""
