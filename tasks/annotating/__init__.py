"""Annotating a corpus: worker processes that keep their model, and the task of a part."""
