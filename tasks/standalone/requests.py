"""What the questions of tests of an endpoint would cost: `gner run FILE --dry-run`."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from gner_core.artifact_files import SENTENCES
from gner_core.corpora.splits import stream_any_split
from gner_core.records import Sentence, read_sentences
from gner_core.store.artifacts import Store
from gner_core.systems.chat.estimate import Expected, expected
from tasks.steps.data import Sample
from tasks.steps.models import Ask


def expected_requests(step: Ask, store: Store) -> Expected | None:
    """Return about what it takes to ask all questions of a test.

    Sentences are those of the published sample; before there is one, the first ones of every corpus.

    Returns:
        None while a corpus is not fetched.

    Raises:
        InputError: for a fault in a file of a corpus or of the system.
    """
    if store.has(step.data.ref):
        return expected(step.system, read_sentences(store.fetch(step.data.ref) / SENTENCES))
    if any(corpus.unfetched or not corpus.folder.is_dir() for corpus in step.data.corpora.values()):
        return None
    return expected(step.system, list(_first_sentences(step.data)))


def _first_sentences(data: Sample) -> Iterator[Sentence]:
    for name, corpus in data.corpora.items():
        split, folder = data.params.split, corpus.folder
        found = stream_any_split(name, corpus.params, split=split, folder=folder, repairs=Counter())
        yield from islice(found, data.params.per_corpus)
