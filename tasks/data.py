"""The tasks that get sentences ready: fetch and prepare a corpus, draw a sample."""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from gner_core.artifact_files import SENTENCES, STATISTICS
from gner_core.config.corpus import CorpusParams
from gner_core.corpora.artifact import write_corpus
from gner_core.corpora.fetch import fetch_corpus
from gner_core.corpora.samples.drawing import draw
from gner_core.corpora.statistics import count
from gner_core.records import Sentence, write_sentences
from gner_core.runtime.files import write_json
from gner_core.store.artifacts import ArtifactRef
from tasks.context import RunContext
from tasks.paths import corpora_cache, is_offline
from tasks.progress import logger
from tasks.steps.data import Corpus, Sample


class LoggedFetch:
    """Tells the log what a fetch does."""

    def note(self, line: str) -> None:
        """Log one thing that happened."""
        logger().info("%s", line)

    def progress(self, file: str, done: int, total: int | None) -> None:
        """Log a file that has arrived."""
        if done == total:
            logger().info("fetched %s: %s bytes", file, f"{done:,}")


@task(name="fetch-corpus", cache_policy=NO_CACHE, task_run_name="fetch {name}")
def fetch_files(name: str, corpus: CorpusParams) -> str:
    """Return the folder of a corpus in the cache of this machine, fetched if need be."""
    cache, offline, report = corpora_cache(), is_offline(), LoggedFetch()
    return str(fetch_corpus(name, corpus, cache=cache, mirror=None, offline=offline, report=report))


@task(name="prepare-corpus", cache_policy=NO_CACHE, task_run_name="corpus {step.title}{run.suffix}")
def prepare_corpus(step: Corpus, run: RunContext) -> ArtifactRef:
    """Publish one corpus: a Parquet file per split, and statistics with all repairs."""

    def build(folder: Path) -> None:
        write_corpus(step.name, step.params, source=step.folder, folder=folder)

    run.ensure(step, build)
    return step.ref


@task(name="draw-sample", cache_policy=NO_CACHE, task_run_name="{step.title}")
def draw_sample(step: Sample, run: RunContext) -> ArtifactRef:
    """Publish the chosen sentences of all corpora of a sample, with statistics per corpus."""

    def build(folder: Path) -> None:
        params = step.params
        chosen: list[Sentence] = []
        statistics = {}
        for name, corpus in step.corpora.items():
            drawn = draw(
                run.path(corpus) / f"{params.split}.parquet",
                per_corpus=params.per_corpus,
                method=params.method,
                seed=params.seed,
            )
            statistics[name] = {**count(drawn.sentences), "of": drawn.of, "method": drawn.method}
            chosen += drawn.sentences
        write_sentences(folder / SENTENCES, chosen)
        write_json(folder / STATISTICS, statistics)

    run.ensure(step, build)
    return step.ref
