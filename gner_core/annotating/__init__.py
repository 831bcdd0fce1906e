"""Annotating: the entities of a large corpus, read in a stream, part by part, as a Parquet dataset."""
