"""Token lengths of corpora without a flow, for `gner data lengths`."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from gner_core.config.backbone import BackboneParams, FolderSource, RandomSource
from gner_core.config.corpus import CorpusParams, Split
from gner_core.corpora.lengths import LengthReport, TokenCounter, length_report
from gner_core.corpora.splits import stream_any_split
from gner_core.errors import InputError
from gner_core.records import Sentence
from tasks.checkpoints.foreign import imported
from tasks.paths import open_store
from tasks.steps.models import plan_backbone


def tokenizer_folder(backbone: BackboneParams) -> Path:
    """Return a folder with a backbone's tokenizer; the backbone is imported where need be.

    Raises:
        InputError: when it cannot be imported, or is a random model, which has no tokenizer yet.
    """
    if isinstance(backbone.source, FolderSource):
        return Path(backbone.source.path)
    if isinstance(backbone.source, RandomSource):
        raise InputError(f"{backbone.name} learns its tokenizer in an experiment; give --tokenizer")
    store = open_store()
    return store.fetch(imported(plan_backbone(backbone, sentences=()), store))


def count_corpus(
    name: str,
    corpus: CorpusParams,
    *,
    source: Path,
    splits: tuple[Split, ...],
    counter: TokenCounter,
    cut: int,
) -> tuple[LengthReport, LengthReport | None]:
    """Return the lengths of a corpus as the catalog has it, and with passages cut at words.

    The second is None where every sentence fits already, or is cut to as few words.

    Args:
        source: folder of the corpus' published files.
        splits: those that are counted, together.
        cut: words of a piece.
    """
    report = length_report(name, _sentences(name, corpus, source, splits), counter)
    is_cut = corpus.cut_at_words is not None and corpus.cut_at_words <= cut
    if not report.over or is_cut:
        return report, None
    shorter = corpus.model_copy(update={"cut_at_words": cut})
    return report, length_report(name, _sentences(name, shorter, source, splits), counter)


def _sentences(
    name: str, corpus: CorpusParams, source: Path, splits: tuple[Split, ...]
) -> Iterator[Sentence]:
    for split in splits:
        yield from stream_any_split(name, corpus, split=split, folder=source, repairs=Counter())
