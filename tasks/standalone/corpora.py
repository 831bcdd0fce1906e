"""Fetching and preparing a corpus without a flow or Prefect, for `gner data`."""

from pathlib import Path

from gner_core.config.corpus import CorpusParams
from gner_core.corpora.artifact import write_corpus
from gner_core.corpora.fetch import Report, fetch_corpus
from gner_core.store.artifacts import Store
from tasks.paths import corpora_cache, is_offline, made_home
from tasks.steps.data import plan_corpus
from tasks.steps.step import refuse_provisional


def fetched_corpus(
    name: str, corpus: CorpusParams, *, mirror: str | None, offline: bool, report: Report
) -> Path:
    """Return the folder with a corpus' files in the cache of this machine, fetched if need be.

    Args:
        mirror: a folder or URL with the catalog's paths, used instead of its sources.
        offline: fetch nothing; so does GNER_OFFLINE=1.
        report: gets progress, retries and failed sources.

    Raises:
        InputError: when a file cannot be fetched; says how to get a corpus that has no free source.
    """
    made_home()
    return fetch_corpus(
        name,
        corpus,
        cache=corpora_cache(),
        mirror=mirror,
        offline=offline or is_offline(),
        report=report,
    )


def prepared_corpus(name: str, corpus: CorpusParams, *, data_root: str, store: Store) -> Path:
    """Return the folder of a corpus' artifact, which is built and published where need be.

    Raises:
        InputError: for a file that is missing, not the one that is pinned, or faulty.
    """
    step = plan_corpus(name, corpus, data_root)
    refuse_provisional(step)
    made_home()
    with store.lock(step.ref):
        if not store.has(step.ref):
            with store.publish(step.ref, about=step.manifest_facts()) as folder:
                write_corpus(name, corpus, source=step.folder, folder=folder)
    return store.fetch(step.ref)
