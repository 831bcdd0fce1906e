"""Matching: generated words back onto the words of the sentence (§4.3, Appendix D)."""
