"""Serving: one process that answers HTTP requests with entities, and shows a page to try it."""
