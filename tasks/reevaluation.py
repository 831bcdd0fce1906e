"""The steps of a re-evaluation: fixed test sets, a checkpoint's answers to them, two compared.

Owns the graph of a re-evaluation and the task that compares. Does not own the order of a whole
re-evaluation (`flows.reevaluate`) or what follows from a comparison (`tasks.champion`).

Example:
    suite = plan_suite(params)
    trial = suite.trial(checkpoint, store)
    trial.evaluations["supervised"].score.ref
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from gner_core.backbone_params import BackboneParams
from gner_core.corpus_params import CorpusParams
from gner_core.errors import InputError
from gner_core.execution_params import ExecutionParams
from gner_core.fingerprint import fingerprint
from gner_core.params import DecodeParams, MatchParams, TargetForm
from gner_core.reevaluation_params import Reevaluation
from gner_core.scoring.comparison import compare_scored
from gner_core.scoring.scored import Scored, read_scored
from gner_core.scoring.significance import MEAN, PairedTest
from gner_core.store import Store
from tasks.checkpoints import Checkpoint
from tasks.context import RunContext
from tasks.plan import Evaluation
from tasks.results import SCORED, macro_scores
from tasks.steps import Step, corpus_step, generate_step, sample_step, score_step

COMPARISON = "comparison.json"


@dataclass(frozen=True)
class CheckpointSetting:
    """What the steps of one checkpoint need to know, see `tasks.steps.Setting`."""

    data_root: str
    corpora: Mapping[str, CorpusParams]
    backbone: BackboneParams
    target: TargetForm
    decode: DecodeParams
    match: MatchParams
    execution: ExecutionParams


@dataclass(frozen=True)
class Trial:
    """A checkpoint on all test sets."""

    checkpoint: Checkpoint
    setting: CheckpointSetting
    evaluations: dict[str, Evaluation]

    @property
    def scores(self) -> dict[str, Step]:
        """Test → the step that scores it."""
        return {test: evaluation.score for test, evaluation in self.evaluations.items()}

    def steps(self) -> Iterator[Step]:
        """Yield the steps that are the checkpoint's own, each behind its inputs."""
        for evaluation in self.evaluations.values():
            yield from (evaluation.generate, evaluation.score)

    def mean_f1(self, run: RunContext, *, metric: str) -> float:
        """Return the mean F1 over the corpora of all test sets, 0 to 1; they must be scored."""
        summaries = [macro_scores(step, run) for step in self.scores.values()]
        counted = summaries if metric == "pair" else [one[metric] for one in summaries]
        values = [row["f1"] for one in counted for row in one["corpora"].values()]
        return float(sum(values) / len(values))


@dataclass(frozen=True)
class Suite:
    """The fixed part: test sets and how they are answered, scored and compared."""

    params: Reevaluation
    corpora: dict[str, Step]
    samples: dict[str, Step]

    @cached_property
    def key(self) -> str:
        """What all decisions of the same kind share."""
        given = self.params
        return fingerprint(
            {
                "tests": {test: step.ref.path for test, step in self.samples.items()},
                "decode": given.decode.model_dump(mode="json"),
                "match": given.match.model_dump(mode="json"),
                "comparison": given.comparison.model_dump(mode="json"),
                "alias": given.champion.alias,
            }
        )

    def trial(self, checkpoint: Checkpoint, store: Store) -> Trial:
        """Return the steps of one checkpoint.

        Raises:
            InputError: when it cannot be read, or cannot answer as the file asks.
        """
        said, given = checkpoint.description(store), self.params
        assert said.target is not None
        if given.decode.mode == "guided" and (said.target.labels, said.target.context) != (
            "BIO",
            "full",
        ):
            raise InputError(
                f"{checkpoint.where}: writes {said.target.labels} with context "
                f"{said.target.context}; decode.mode guided needs BIO and full: set free"
            )
        setting = CheckpointSetting(
            given.data_root,
            given.corpora,
            said.backbone,
            said.target,
            given.decode,
            given.match,
            given.execution,
        )
        evaluations = {}
        for test, sample in self.samples.items():
            title = f"{test}-{checkpoint.name}"
            written = generate_step(title, setting, model=checkpoint.step, data=sample)
            evaluations[test] = Evaluation(written, score_step(title, setting, written))
        return Trial(checkpoint, setting, evaluations)


def tested_corpora(params: Reevaluation) -> dict[str, CorpusParams]:
    """Return the corpora that the test sets name."""
    named = {name for sample in params.tests.values() for name in sample.corpora}
    return {name: corpus for name, corpus in params.corpora.items() if name in named}


def plan_suite(params: Reevaluation) -> Suite:
    """Return the steps that all checkpoints share.

    Raises:
        InputError: when a corpus file is missing.
    """
    corpora = {
        name: corpus_step(name, corpus, params.data_root)
        for name, corpus in tested_corpora(params).items()
    }
    samples = {
        test: sample_step(f"{test} sentences", sample, corpora)
        for test, sample in params.tests.items()
    }
    return Suite(params, corpora, samples)


@task(name="compare", cache_policy=NO_CACHE, task_run_name="compare {step.title}")
def compare_checkpoints(step: Step, run: RunContext) -> dict[str, Any]:
    """Publish the paired test of two checkpoints; return its figures for the mean over corpora."""

    def build(folder: Path) -> None:
        given = step.identity
        champion, candidate = (_scored(step, run, who) for who in ("champion", "candidate"))
        comparison = compare_scored(
            ("the champion's predictions", "the candidate's predictions"),
            (champion, candidate),
            metric=given["metric"],
            without=(frozenset(), frozenset()),
            test=PairedTest(given["level"], given["resamples"], given["seed"]),
        )
        mean = comparison.differences[MEAN]
        content = {
            "verdict": mean.verdict,
            "mean": asdict(mean),
            "corpora": {n: asdict(d) for n, d in comparison.differences.items() if n != MEAN},
            "sentences": comparison.sentences,
            "changed": len(comparison.changes),
        }
        (folder / COMPARISON).write_text(json.dumps(content, indent=1, ensure_ascii=False))

    run.ensure(step, build)
    content: dict[str, Any] = json.loads((run.path(step) / COMPARISON).read_text())
    return content


def _scored(step: Step, run: RunContext, who: str) -> list[Scored]:
    """Return the sentences of all test sets of the champion or of the candidate."""
    inputs = [given for name, given in step.inputs.items() if name.startswith(f"{who} ")]
    return [sentence for given in inputs for sentence in read_scored(run.path(given) / SCORED)]
