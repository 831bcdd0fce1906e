"""Fetching: the files of a catalog entry, verified, below one folder of a local cache."""

from gner_core.corpora.fetch.corpus import fetch_corpus
from gner_core.corpora.fetch.request import Limits, Report

__all__ = ["Limits", "Report", "fetch_corpus"]
