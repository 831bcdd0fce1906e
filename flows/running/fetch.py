"""Fetches the files of corpora before anything is planned: where a file has no pinned hash, keys need its content."""

from collections.abc import Mapping

from flows.running.submit import Submitter
from gner_core.config.corpus import CorpusParams
from gner_core.errors import InputError
from tasks.data import fetch_files
from tasks.steps.data import CACHE

FETCHES_AT_ONCE = 4


def fetch_corpora(
    corpora: Mapping[str, CorpusParams], data_root: str, submitter: Submitter
) -> None:
    """Have the files of corpora in the cache, if that is the `data_root`.

    Raises:
        InputError: when files cannot be fetched; the first fault, after all were tried.
    """
    if data_root == CACHE:
        for fault in faults_of_fetching(corpora, submitter).values():
            raise fault


def faults_of_fetching(
    corpora: Mapping[str, CorpusParams], submitter: Submitter
) -> dict[str, InputError]:
    """Have the files of corpora in the cache; return why some could not be fetched, by corpus."""
    faults: dict[str, InputError] = {}
    with submitter(FETCHES_AT_ONCE) as submit:
        fetched = {name: submit(fetch_files, name, one, after=[]) for name, one in corpora.items()}
        for name, pending in fetched.items():
            try:
                pending.result()
            except InputError as fault:
                faults[name] = fault
    return faults
