"""The artifact of a corpus: a Parquet file of BIO sentences for each split, and statistics."""

from collections import Counter
from pathlib import Path

from gner_core.artifact_files import STATISTICS
from gner_core.config.corpus import CorpusParams
from gner_core.corpora.splits import stream_any_split
from gner_core.corpora.statistics import Tally
from gner_core.records import write_sentences
from gner_core.runtime.files import write_json


def write_corpus(name: str, corpus: CorpusParams, *, source: Path, folder: Path) -> None:
    """Write `<split>.parquet` and `statistics.json` of a corpus with files in `source`."""
    statistics = {}
    for split in corpus.splits:
        repairs: Counter[str] = Counter()
        tally = Tally()
        sentences = stream_any_split(name, corpus, split=split, folder=source, repairs=repairs)
        write_sentences(folder / f"{split}.parquet", tally.counting(sentences))
        statistics[split] = {**tally.as_dict(), "repairs": dict(sorted(repairs.items()))}
    write_json(folder / STATISTICS, statistics)
