"""Free decoding: the model writes its answer token by token, as in the paper."""
