"""Fetching: the files of a catalog entry, verified, below one folder of a local cache.

Owns everything between a source (https, hub, archive, mirror) and a verified file. Does not own
the entries (`params/corpora/`) or what is in the files (`gner_core.corpora.readers`).

Example:
    root = fetch_corpus("conllpp", entry, cache=Path(".gner/corpora"), mirror=None, offline=False,
                        report=report)
"""

from gner_core.corpora.fetch.corpus import fetch_corpus
from gner_core.corpora.fetch.request import Limits, Report

__all__ = ["Limits", "Report", "fetch_corpus"]
