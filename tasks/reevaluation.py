"""The task that compares two checkpoints by their scored sentences."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from gner_core.artifact_files import SCORED, SCORES
from gner_core.runtime.files import write_json
from gner_core.scoring.analysis.comparison import compare_scored
from gner_core.scoring.analysis.significance import MEAN
from gner_core.scoring.scored import Scored, read_scored
from tasks.checkpoints.suite import Evaluation
from tasks.context import RunContext
from tasks.steps.results import Compare, Score

COMPARISON = "comparison.json"


def mean_f1(evaluation: Evaluation, run: RunContext, *, metric: str) -> float:
    """Return the mean F1 over the corpora of all tests, 0 to 1; they must be scored."""
    summaries = [run.json(score, SCORES) for score in evaluation.tests.values()]
    counted = summaries if metric == "pair" else [one[metric] for one in summaries]
    found = [row["f1"] for one in counted for row in one["corpora"].values()]
    return float(sum(found) / len(found))


@task(name="compare", cache_policy=NO_CACHE, task_run_name="compare {step.title}")
def compare_checkpoints(step: Compare, run: RunContext) -> dict[str, Any]:
    """Publish the paired test of two checkpoints; return its figures for the mean over corpora."""

    def build(folder: Path) -> None:
        given = step.params
        comparison = compare_scored(
            ("the champion's predictions", "the candidate's predictions"),
            (_scored(step.champion, run), _scored(step.candidate, run)),
            metric=given.metric,
            without=frozenset(),
            test=given,
        )
        mean = comparison.differences[MEAN]
        content = {
            "verdict": mean.verdict,
            "mean": asdict(mean),
            "corpora": {n: asdict(d) for n, d in comparison.differences.items() if n != MEAN},
            "sentences": comparison.sentences,
            "changed": len(comparison.changes),
        }
        write_json(folder / COMPARISON, content)

    run.ensure(step, build)
    content: dict[str, Any] = run.json(step, COMPARISON)
    return content


def _scored(tests: Mapping[str, Score], run: RunContext) -> list[Scored]:
    """Return the scored sentences of all tests of one checkpoint."""
    return [one for score in tests.values() for one in read_scored(run.path(score) / SCORED)]
