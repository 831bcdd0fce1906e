"""Schemas: the prompt, the target text, and reading generated text back (Fig. 3 and 5)."""
