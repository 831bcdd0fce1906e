"""The tasks at the end: score an evaluation, write the report."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext

from gner_core.artifact_files import (
    ANSWERS,
    BACK,
    FIT,
    JOURNAL,
    PREDICTIONS,
    SCORED,
    SCORES,
    SENTENCES,
    STATISTICS,
    SUMMARY,
)
from gner_core.config.systems.gliner import GlinerSystem
from gner_core.config.systems.gner import GnerSystem
from gner_core.matching.modes import Matcher
from gner_core.records import (
    Sentence,
    iter_sentences,
    read_answers,
    read_predictions,
    spans_of,
    types_in,
)
from gner_core.reports.experiment.content import (
    CorpusRow,
    EvaluationView,
    ReportContent,
    StageView,
)
from gner_core.reports.experiment.examples import choose_examples
from gner_core.reports.experiment.page import render
from gner_core.reports.paper.compared import PaperComparison, compare_with_paper
from gner_core.reports.paper.numbers import PAPERS_TESTS, Test
from gner_core.runtime.files import read_json, write_json
from gner_core.scoring.evaluate import summarise
from gner_core.scoring.metrics.tally import RATIOS
from gner_core.scoring.scored import Scored, read_scored, score, score_answers, write_scored
from gner_core.store.artifacts import ArtifactRef
from gner_core.systems.chat.prompts import first_question
from gner_core.systems.gliner.inputs import words_read
from gner_core.systems.gner.prompts import prompt
from gner_core.systems.naming import ours_by_name, type_names
from gner_core.systems.registry import reader, text_system
from tasks.context import RunContext
from tasks.models import decoding_of
from tasks.provenance import costs, tags
from tasks.steps.data import Sample
from tasks.steps.models import (
    Ask,
    Endpoint,
    Generate,
    Model,
    Stored,
    Train,
    backbone_of,
    shown_model,
)
from tasks.steps.results import Report, Score
from tasks.steps.step import values
from tasks.tracking.mlflow_run import DESCRIPTION
from tasks.tracking.tracker import CHECKPOINT

REPORT, PAPER = "report.html", "paper.json"
CONFIG = "config.json"
"""Of a checkpoint, as transformers writes it."""


@task(name="score", cache_policy=NO_CACHE, task_run_name="score {step.title}{run.suffix}")
def score_predictions(step: Score, run: RunContext) -> ArtifactRef:
    """Publish scored sentences and the summary of an evaluation; log both to MLflow."""

    def build(folder: Path) -> None:
        scored = _scored(step, run)
        write_scored(folder / SCORED, scored)
        summary = summarise(scored, step.scoring)
        write_json(folder / SCORES, summary)

    run.ensure(step, build)
    _track(step, run)
    return step.ref


def _scored(step: Score, run: RunContext) -> list[Scored]:
    """Return the sentences of a generation, read as its system reads them."""
    generated, system = run.path(step.predictions), step.predictions.system
    if isinstance(system, GnerSystem):
        assert step.match is not None  # the experiment was checked
        back, names = run.json(step.predictions, BACK), type_names(system.type_names)
        matcher = Matcher(step.match, system.target, back=back, names=names)
        return [score(one, matcher) for one in read_predictions(generated / PREDICTIONS)]
    read = reader(system)
    return [score_answers(one, read) for one in read_answers(generated / ANSWERS)]


@task(name="report", cache_policy=NO_CACHE, task_run_name="report {step.title}{run.suffix}")
def write_report(step: Report, run: RunContext) -> ArtifactRef:
    """Publish the HTML page, and the comparison with the paper as JSON."""

    def build(folder: Path) -> None:
        from gner_core.reports.figures import DRAWING  # matplotlib: only where there is to draw

        content = _content(step, run)
        with DRAWING:  # points of a sweep write theirs at the same time
            page = render(content)
        (folder / REPORT).write_text(page, encoding="utf-8")
        paper = {title: found.as_dict() for title, found in content.paper.items()}
        write_json(folder / PAPER, paper)

    run.ensure(step, build)
    return step.ref


def figures_of(test: str, summary: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of a test that the run of an experiment has in MLflow."""
    means = {f"{test}/{name}": summary["macro"][name] for name in RATIOS}
    return means | {f"{test}/{name}/f1": row["f1"] for name, row in summary["corpora"].items()}


def _track(step: Score, run: RunContext) -> None:
    summary = run.json(step, SCORES)
    run.tracker.parent.values(figures_of(step.title, summary))
    if TaskRunContext.get():
        shown = ("sentences", "gold", "predicted", "right", *RATIOS)
        rows = [
            {"corpus": name, **{column: row[column] for column in shown}}
            for name, row in summary["corpora"].items()
        ]
        create_table_artifact(
            rows, key=f"scores-{step.title}", description=f"Scores: {step.title}{run.suffix}"
        )
    generate = step.predictions
    how = values(step.match) if step.match else {"system": generate.system.kind}
    decode = values(decoding_of(generate, run)) if isinstance(generate, Generate) else {}
    params = {**decode, **how}
    with run.tracker.step_run(
        f"{step.title} test",
        key=step.ref.key,
        kind="evaluation",
        params=params,
        reuse_as=step.title,
        within=generate.model.ref.key,
        made=datetime.fromisoformat(run.store.manifest(step.ref)["created"]),
    ) as mlrun:
        made = run.store.manifest(generate.ref)
        data = generate.data
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
        mlrun.tags(
            {
                **tags(made),
                CHECKPOINT: generate.model.ref.path,
                DESCRIPTION: f"Score of `{generate.model.ref.path}` on {data.title}; what it wrote "
                f"is `{generate.ref.path}`.",
            }
        )
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


def _content(step: Report, run: RunContext) -> ReportContent:
    experiment, tests = step.experiment, step.tests
    summaries = {title: run.json(score, SCORES) for title, score in tests.items()}
    trained = [title for title, score in tests.items() if _stages_of(score)] or list(tests)
    scored = {title: read_scored(run.path(tests[title]) / SCORED) for title in trained}
    written = [score.predictions for score in tests.values()]
    models: list[Train | Generate | Ask] = [*step.stages.values(), *written]
    given = dict.fromkeys(step.inputs().values())
    made = [one for one in given if not isinstance(one, Stored | Endpoint)]
    uses: dict[Sample, list[str]] = {}
    for use, sample in step.samples.items():
        uses.setdefault(sample, []).append(use)
    manifests = [run.store.manifest(one.ref) for one in made]
    example = next(iter_sentences(run.path(models[-1].data) / SENTENCES))
    leaks = experiment.leaks()
    return ReportContent(
        name=experiment.name,
        models=tuple(dict(map(shown_model, models)).items()),
        decode=values(experiment.decode) if experiment.decode else None,
        match=values(experiment.match) if experiment.match else None,
        system=experiment.system.kind,
        level=experiment.scoring.level,
        corpora=[
            CorpusRow(name, split, counts, corpus.params.licence)
            for name, corpus in step.corpora.items()
            for split, counts in run.json(corpus, STATISTICS).items()
        ],
        samples={", ".join(names): run.json(one, STATISTICS) for one, names in uses.items()},
        stages=[_stage(one, run, leak=leaks.get(one.title, "")) for one in step.stages.values()],
        evaluations=[
            EvaluationView(
                title, _explanation(tests[title], run), summary, _tested_model(tests[title])
            )
            for title, summary in summaries.items()
        ],
        paper={
            title: _beside(step, title, PAPERS_TESTS[test.beside], summaries[title])
            for title, test in experiment.tests.items()
            if test.beside
        },
        examples=choose_examples(scored, count=experiment.report.examples),
        prompt=_prompt(models[-1], example),
        values=experiment.shown(),
        steps=manifests,
        packages=manifests[-1]["packages"],
    )


def _prompt(reads: Train | Generate | Ask, example: Sentence) -> str:
    """Return what a model of a system reads of a sentence first."""
    if isinstance(reads, Ask):
        return first_question(reads.system, example)
    system = reads.system
    if isinstance(system, GnerSystem):
        names = ours_by_name(example.types, type_names(system.type_names))
        return prompt(example.words, [*names], system.target)
    if isinstance(system, GlinerSystem):
        causal = reads.backbone.family == "decoder_only"
        return " ".join(words_read(example.words, example.types, causal=causal))
    return text_system(system).queries(example.words, example.types)[0].prompt


def _beside(step: Report, title: str, test: Test, summary: Mapping[str, Any]) -> PaperComparison:
    """Compare a test with that of the paper."""
    written = step.tests[title].predictions
    assert isinstance(written, Generate)  # the experiment was checked
    return compare_with_paper(
        written.backbone.name,
        parameters=written.backbone.parameters,
        beams=written.decode.beams,
        scores={test: summary},
        splits={test: written.data.params.split},
        released=step.papers.get(title),
    )


def _stages_of(score: Score) -> list[Train]:
    """Return the trainings of a plan that the tested checkpoint went through, the last one first."""
    found: list[Train] = []
    model: Model | Endpoint = score.predictions.model
    while isinstance(model, Train):
        found.append(model)
        model = model.model
    return found


def _tested_model(score: Score) -> str:
    """Return the name of the model of a test, and the stages that it went through."""
    written, start = score.predictions, backbone_of(score.predictions.model)
    name = start.title if isinstance(start, Stored | Endpoint) else shown_model(written)[0]
    stages = [one.title for one in reversed(_stages_of(score))]
    return f"{name} after {' and '.join(stages)}" if stages else f"{name} as it is"


def _explanation(score: Score, run: RunContext) -> str:
    """Say what a test shows, as far as it can be known from the sentences themselves."""
    written = score.predictions
    if isinstance(written, Generate) and written.fit:
        found = run.json(written.fit, FIT)
        fitted = ", ".join(f"{name} {value:g}" for name, value in found["values"].items())
        count = f"{found['sentences']:,}"
        return f"{_of_types(score, run)}; fitted to {count} held-out sentences: {fitted}"
    return _of_types(score, run)


def _of_types(score: Score, run: RunContext) -> str:
    """Say how many of the tested types were trained on."""
    stages = _stages_of(score)
    start = backbone_of(score.predictions.model)
    if isinstance(start, Stored | Endpoint):
        return "mean F1"
    if not stages:
        return "mean F1 before any training"
    tested = types_in(run.path(score.predictions.data) / SENTENCES)
    seen = {kind for one in stages for kind in types_in(run.path(one.data) / SENTENCES)}
    unseen = len({kind.lower() for kind in tested} - {kind.lower() for kind in seen})
    if not unseen:
        return "mean F1; all types were trained on"
    if unseen == len(tested):
        return "mean F1; none of the types was trained on"
    return f"mean F1; {unseen} of {len(tested)} types were not trained on"


def _stage(step: Train, run: RunContext, *, leak: str) -> StageView:
    lines = (run.path(step) / JOURNAL).read_text().splitlines()
    return StageView(
        title=step.title,
        recipe=values(step.stage.train),
        summary=run.json(step, SUMMARY),
        curve=[json.loads(line) for line in lines],
        leak=leak,
        layers=_layers(run.path(step) / CONFIG),
    )


def _layers(config: Path) -> int | None:
    """Return the layers of each stack that the configuration of a checkpoint names, if it does."""
    known = read_json(config) if config.is_file() else {}
    return known.get("num_hidden_layers") or known.get("num_layers")
