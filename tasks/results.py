"""The tasks at the end: score an evaluation, write the report.

Owns what is gathered from which artifact and what goes to MLflow. Rules and looks are in
`gner_core.scoring` and `gner_core.reports`.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext

from gner_core.matching.modes import Matcher
from gner_core.params import MatchParams, TargetForm
from gner_core.records import read_predictions, spans_of
from gner_core.reports.content import (
    CorpusRow,
    EvaluationView,
    ReportContent,
    SampleRow,
    StageView,
    StepRow,
    choose_examples,
)
from gner_core.reports.page import render
from gner_core.reports.paper.beside import beside
from gner_core.schemas.prompts import prompt
from gner_core.scoring.evaluate import summarise
from gner_core.scoring.scored import read_scored, score, write_scored
from gner_core.scoring.tally import RATIOS
from gner_core.store import ArtifactRef
from tasks.context import RunContext
from tasks.corpora import SENTENCES, STATISTICS
from tasks.models import JOURNAL, SUMMARY
from tasks.provenance import costs, tags
from tasks.steps import Step

PREDICTIONS, BACK = "predictions.parquet", "back_tokenization.json"
SCORED, SCORES = "scored.parquet", "scores.json"
REPORT, BESIDE = "report.html", "paper.json"
EXPLANATIONS = {
    "baseline": "mean F1 before any training, supervised test",
    "zero-shot": "mean F1 on unseen types and domains",
    "supervised": "mean F1 on held-out sentences",
}


@task(name="score", cache_policy=NO_CACHE, task_run_name="score {step.title}{run.suffix}")
def score_predictions(step: Step, run: RunContext) -> ArtifactRef:
    """Publish scored sentences and the summary of an evaluation; log both to MLflow."""
    predictions = step.inputs["predictions"]

    def build(folder: Path) -> None:
        source = run.path(predictions)
        match = MatchParams.model_validate(step.identity["match"])
        form = TargetForm.model_validate(step.identity["target"])
        matcher = Matcher(match, form, back=json.loads((source / BACK).read_text()))
        scored = [score(p, matcher) for p in read_predictions(source / PREDICTIONS)]
        write_scored(folder / SCORED, scored)
        (folder / SCORES).write_text(json.dumps(summarise(scored), indent=1, ensure_ascii=False))

    run.ensure(step, build)
    _track(step, run)
    return step.ref


@task(name="report", cache_policy=NO_CACHE, task_run_name="report {step.title}{run.suffix}")
def write_report(step: Step, run: RunContext) -> ArtifactRef:
    """Publish the HTML page, and as JSON what stands beside the paper's numbers; track the page."""

    def build(folder: Path) -> None:
        from gner_core.reports.figures import DRAWING  # matplotlib: only where there is to draw

        content = _content(step, run)
        with DRAWING:  # points of a sweep write theirs at the same time
            page = render(content)
        (folder / REPORT).write_text(page, encoding="utf-8")
        (folder / BESIDE).write_text(json.dumps(content.beside.as_dict(), indent=1))

    run.ensure(step, build)
    run.tracker.parent.file(run.path(step) / REPORT)
    return step.ref


def macro_scores(step: Step, run: RunContext) -> dict[str, Any]:
    """Return the summary of a published evaluation."""
    summary: dict[str, Any] = json.loads((run.path(step) / SCORES).read_text())
    return summary


def _track(step: Step, run: RunContext) -> None:
    summary = macro_scores(step, run)
    run.tracker.parent.values({f"{step.title}/{name}": summary["macro"][name] for name in RATIOS})
    of_corpora = summary["corpora"].items()
    run.tracker.parent.values({f"{step.title}/{name}/f1": row["f1"] for name, row in of_corpora})
    if TaskRunContext.get():
        shown = ("sentences", "gold", "predicted", "right", *RATIOS)
        rows = [
            {"corpus": name, **{column: row[column] for column in shown}}
            for name, row in summary["corpora"].items()
        ]
        create_table_artifact(
            rows, key=f"scores-{step.title}", description=f"Scores: {step.title}{run.suffix}"
        )
    generate = step.inputs["predictions"]
    params = {**generate.identity["decode"], **step.identity["match"]}
    with run.tracker.step_run(
        f"{step.title} test",
        key=step.ref.key,
        kind="evaluation",
        params=params,
        reuse_as=step.title,
        within=generate.inputs["model"].ref.key,
        made=datetime.fromisoformat(run.store.manifest(step.ref)["created"]),
    ) as mlrun:
        made = run.store.manifest(generate.ref)
        data = generate.inputs["data"]
        mlrun.dataset(
            name=data.title,
            digest=data.ref.key,
            source=str(run.path(data) / SENTENCES),
            context="evaluation",
        )
        for corpus, row in {**summary["corpora"], "mean": summary["macro"]}.items():
            mlrun.values({f"{corpus}/{name}": row[name] for name in RATIOS})
        for corpus, row in summary.get("span", {}).get("corpora", {}).items():
            mlrun.values({f"{corpus}/strict_f1": row["f1"]})
        if "calibration" in summary:
            mlrun.values({"calibration_error": summary["calibration"]["all"]["error"]})
        mlrun.values({f"texts/{name}": count for name, count in summary["texts"].items()})
        mlrun.values(costs(made))
        mlrun.tags({**tags(made), "gner.checkpoint": generate.inputs["model"].ref.path})
        mlrun.table("predictions.json", partial(_columns, run.path(step) / SCORED))


def _columns(file: Path) -> dict[str, list[str]]:
    """Return the columns of the table of scored sentences."""
    scored = read_scored(file)
    return {
        "id": [s.id for s in scored],
        "sentence": [" ".join(s.words) for s in scored],
        "generated": [s.text for s in scored],
        "gold": [_shown(s.words, s.gold) for s in scored],
        "predicted": [_shown(s.written or s.words, s.predicted) for s in scored],
    }


def _shown(words: Sequence[str], tags: Sequence[str]) -> str:
    """Return the entities of a sentence in one line, such as `New York (location); Ada (person)`."""
    return "; ".join(
        f"{' '.join(words[span.start : span.end])} ({span.label})" for span in spans_of(tags)
    )


def _content(step: Step, run: RunContext) -> ReportContent:
    experiment = run.experiment
    inputs = step.inputs
    named = {
        prefix: {
            name.removeprefix(f"{prefix} "): given
            for name, given in inputs.items()
            if name.startswith(f"{prefix} ")
        }
        for prefix in ("corpus", "sample", "generate", "score")
    }
    scored = {
        title: read_scored(run.path(given) / SCORED)
        for title, given in named["score"].items()
        if title != "baseline"
    }
    manifests = {name: run.store.manifest(given.ref) for name, given in inputs.items()}
    stages = list(experiment.stages())
    first = next(iter(named["generate"].values()))
    example = read_predictions(run.path(first) / PREDICTIONS)[0]
    summaries = {title: _json(run, given, SCORES) for title, given in named["score"].items()}
    return ReportContent(
        name=experiment.name,
        backbone=experiment.backbone.name,
        parameters=experiment.backbone.parameters,
        decode=first.identity["decode"],
        match=next(iter(named["score"].values())).identity["match"],
        corpora=[
            CorpusRow(name, split, counts, experiment.corpora[name].licence)
            for name, given in named["corpus"].items()
            for split, counts in _json(run, given, STATISTICS).items()
        ],
        samples=[
            SampleRow(use, corpus, counts)
            for use, given in named["sample"].items()
            for corpus, counts in _json(run, given, STATISTICS).items()
        ],
        stages=[_stage(inputs[title], run) for title in stages],
        evaluations=[
            EvaluationView(title, EXPLANATIONS[title], summary)
            for title, summary in summaries.items()
        ],
        beside=beside(
            experiment.backbone.name,
            parameters=experiment.backbone.parameters,
            beams=first.identity["decode"]["beams"],
            scores=summaries,
            splits={
                title: _tested(given).identity["split"] for title, given in named["score"].items()
            },
        ),
        examples=choose_examples(scored, count=experiment.report.examples),
        prompt=prompt(example.words, example.types),
        steps=[
            StepRow(m["step"], m["title"], m["key"], m["seconds"], m["created"])
            for m in manifests.values()
        ],
        packages=manifests[stages[-1]]["packages"],
    )


def _tested(score: Step) -> Step:
    """Return the sample that was scored."""
    return score.inputs["predictions"].inputs["data"]


def _stage(step: Step, run: RunContext) -> StageView:
    lines = (run.path(step) / JOURNAL).read_text().splitlines()
    return StageView(
        title=step.title,
        recipe=step.identity["train"],
        summary=_json(run, step, SUMMARY),
        curve=[json.loads(line) for line in lines],
        leak=run.experiment.leaks().get(step.title, ""),
    )


def _json(run: RunContext, step: Step, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run.path(step) / name).read_text())
    return content
