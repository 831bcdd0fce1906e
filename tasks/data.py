"""The tasks that prepare sentences: one corpus, and the sample of a stage or an evaluation.

Owns resolving and publishing; reading and choosing are in `gner_core.corpora`.
"""

import json
from collections import Counter
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from gner_core.corpora.prepare import corpus_folder, read_split
from gner_core.corpora.sampling import choose
from gner_core.corpora.statistics import count
from gner_core.params import SampleParams
from gner_core.records import read_sentences, write_sentences
from gner_core.store import ArtifactRef
from tasks.context import RunContext
from tasks.steps import Step

STATISTICS = "statistics.json"
SENTENCES = "sentences.parquet"


@task(name="prepare-corpus", cache_policy=NO_CACHE, task_run_name="corpus {step.title}")
def prepare_corpus(step: Step, run: RunContext) -> ArtifactRef:
    """Publish one corpus: a Parquet file per split, and statistics with all repairs."""

    def build(folder: Path) -> None:
        params = run.experiment.corpora[step.title]
        source = corpus_folder(run.experiment.data_root)
        statistics = {}
        for split in params.files:
            repairs: Counter[str] = Counter()
            sentences = read_split(step.title, params, split=split, folder=source, repairs=repairs)
            write_sentences(folder / f"{split}.parquet", sentences)
            statistics[split] = {**count(sentences), "repairs": dict(sorted(repairs.items()))}
        (folder / STATISTICS).write_text(json.dumps(statistics, indent=1, ensure_ascii=False))

    run.ensure(step, build)
    return step.ref


@task(name="draw-sample", cache_policy=NO_CACHE, task_run_name="{step.title}")
def draw_sample(step: Step, run: RunContext) -> ArtifactRef:
    """Publish the chosen sentences of all corpora of a sample, with statistics per corpus."""

    def build(folder: Path) -> None:
        params = SampleParams.model_validate(dict(step.identity))
        chosen, statistics = [], {}
        for name, corpus in step.inputs.items():
            sentences = read_sentences(run.path(corpus) / f"{params.split}.parquet")
            part = choose(
                sentences, per_corpus=params.per_corpus, method=params.method, seed=params.seed
            )
            statistics[name] = {**count(part), "of": len(sentences), "method": params.method}
            chosen += part
        write_sentences(folder / SENTENCES, chosen)
        (folder / STATISTICS).write_text(json.dumps(statistics, indent=1, ensure_ascii=False))

    run.ensure(step, build)
    return step.ref
