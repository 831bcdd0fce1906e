"""Benchmarks: the speed of training, of ways of decoding, and of shared prefixes."""
