"""The commands that score predictions: `gner score | compare | beams`."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.cli.messages import print_json
from gner_core.errors import InputError

if TYPE_CHECKING:
    from gner_core.scoring.files import FileScoring

Mode = Literal["gner", "paper", "position", "text"]
Labels = Literal["BIO", "BI", "BIOES", "brackets"]


class Metric(StrEnum):
    """What counts as right."""

    pair = "pair"
    span = "span"
    partial = "partial"


File = Annotated[
    Path,
    typer.Argument(
        help="Predictions: .parquet of gner, .jsonl(.gz) records, generate/KEY or its folder."
    ),
]
OneMetric = Annotated[Literal["pair", "span"], typer.Option(help="pair or span.")]
Metrics = Annotated[
    list[Metric] | None,
    typer.Option(
        metavar="METRIC", help="pair (the paper's, default), span or partial; repeatable."
    ),
]
ByType = Annotated[bool, typer.Option(help="Also a table per type.")]
ErrorsOption = Annotated[
    bool, typer.Option(help="Also error classes (Table 1), confusions, faults of texts (Table 9).")
]
ModeOption = Annotated[
    Mode,
    typer.Option(help="How text becomes tags: gner, paper (as published), or w/o LCS (Table 6)."),
]
Tokenizer = Annotated[
    Path | None,
    typer.Option(help="tokenizer.json, or its folder: compare words as it gives them back."),
]
LabelsOption = Annotated[Labels, typer.Option(help="The form of the texts: `system.labels`.")]
Gap = Annotated[
    str, typer.Option(help="The marker of left-out words in texts with little context.")
]
LeaveOut = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TYPE", help="Leave a type out of the scores, whatever its capitals; repeatable."
    ),
]
Scoring = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Level, draws and seed of intervals: as `scoring` of params/defaults.yaml.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print all counts as JSON.")]


def score(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="[GOLD] PREDICTIONS",
            help="Predictions with their gold: .parquet of gner, .jsonl(.gz) records, or "
            "generate/KEY. Or two files of the same sentences: gold, and what was predicted, as "
            "CoNLL or the like, or as gner predict --format json prints it.",
        ),
    ],
    mode: ModeOption = "gner",
    metric: Metrics = None,
    tokenizer: Tokenizer = None,
    labels: LabelsOption = "BIO",
    gap: Gap = "......",
    leave_out: LeaveOut = None,
    scoring: Scoring = None,
    by_type: ByType = False,
    errors: ErrorsOption = False,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 takes every core.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Score a file of predictions: a table per metric, with bootstrap intervals."""
    from flows.views.output import Output
    from flows.views.score import print_doubts, print_scores, progress, score_values
    from gner_core.scoring.files import score_file
    from tasks.checkpoints.find import find_predictions

    *gold, file = files
    if len(gold) > 1:
        raise InputError("give one file of predictions, or two files: gold and predictions")
    if gold and (tokenizer or mode != "gner"):
        raise InputError("--mode and --tokenizer are for generated texts; leave them out")
    setup = setup_of(
        mode,
        tokenizer,
        labels,
        gap,
        metrics=names_of(metric),
        leave_out=leave_out,
        scoring=scoring,
        errors=errors,
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with progress() as report:
        scores = score_file(
            find_predictions(file),
            setup,
            workers=workers or cores or 1,
            report=report,
            gold=gold[0] if gold else None,
        )
    if as_json:
        print_json(score_values(scores, setup))
        print_doubts(scores, setup, Output(stderr=True))
    else:
        print_scores(scores, setup, by_type=by_type, matched=not gold)


def compare(
    a: File,
    b: File,
    mode: ModeOption = "gner",
    mode_b: Annotated[Mode | None, typer.Option(help="Another mode for the second file.")] = None,
    metric: OneMetric = "pair",
    tokenizer: Tokenizer = None,
    tokenizer_b: Annotated[
        Path | None, typer.Option(help="Another tokenizer for the second file.")
    ] = None,
    labels: LabelsOption = "BIO",
    gap: Gap = "......",
    leave_out: LeaveOut = None,
    scoring: Scoring = None,
    show: Annotated[int, typer.Option(min=0, help="Changed sentences to print.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Compare two files of the same sentences: difference, interval, p, changed sentences."""
    from flows.views.output import Output
    from flows.views.score import comparison_values, print_comparison, print_lines
    from gner_core.scoring.analysis.comparison import compare_files
    from tasks.checkpoints.find import find_predictions

    first, second = (
        setup_of(*how, labels, gap, leave_out=leave_out, metrics=(metric,), scoring=scoring)
        for how in ((mode, tokenizer), (mode_b or mode, tokenizer_b or tokenizer))
    )
    files = find_predictions(a), find_predictions(b)
    comparison = compare_files(files, (first, second), metric=metric)
    if as_json:
        print_json(comparison_values(comparison))
        print_lines(comparison.doubts, Output(stderr=True))
    else:
        print_comparison(comparison, level=first.scoring.level, show=show)


def beams(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="PREDICTIONS…",
            help="Predictions of one model with beams 1, 2, 3, 4 in this order, or NAME=FILE.",
        ),
    ],
    mode: ModeOption = "gner",
    metric: OneMetric = "pair",
    tokenizer: Tokenizer = None,
    labels: LabelsOption = "BIO",
    gap: Gap = "......",
    leave_out: LeaveOut = None,
    scoring: Scoring = None,
    show: Annotated[int, typer.Option(min=0, help="Cases to print of each beam and kind.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Compare beam sizes: F1 of each (Table 7), and what beams correct (Fig. 6, Table 10)."""
    from flows.views.score import print_study, study_values
    from gner_core.scoring.analysis.beams import study_beams

    setup = setup_of(
        mode, tokenizer, labels, gap, leave_out=leave_out, metrics=(metric,), scoring=scoring
    )
    study = study_beams(_named(files), setup, metric=metric)
    if as_json:
        print_json(study_values(study))
    else:
        print_study(study, level=setup.scoring.level, show=show)


def names_of(metrics: list[Metric] | None) -> tuple[str, ...]:
    """Return the names of metrics; of none, that of the paper's."""
    return tuple(one.value for one in metrics or [Metric.pair])


def _named(files: list[str]) -> dict[str, Path]:
    """Return beam → file; files without a name are numbered from 1 in their order."""
    from tasks.checkpoints.find import find_predictions

    named: dict[str, Path] = {}
    for number, given in enumerate(files, start=1):
        name, sign, path = given.partition("=")
        if not sign or Path(given).exists():
            name, path = str(number), given
        if name in named:
            raise InputError(f"beam {name} is given twice: {named[name]} and {path}")
        named[name] = find_predictions(Path(path))
    return named


def setup_of(
    mode: Mode,
    tokenizer: Path | None,
    labels: Labels,
    gap: str,
    *,
    metrics: tuple[str, ...],
    leave_out: list[str] | None,
    scoring: Path | None,
    errors: bool = False,
) -> "FileScoring":
    """Return how files are scored.

    Raises:
        InputError: for options that contradict one another, and a faulty file.
    """
    from gner_core.config.reading.files import read_scoring
    from gner_core.config.systems.gner import MatchParams, TargetForm
    from gner_core.scoring.files import FileScoring

    if tokenizer and mode in ("position", "text"):
        raise InputError(f"--mode {mode} compares no words; leave --tokenizer out")
    return FileScoring(
        match=MatchParams(mode=mode, back_tokenization=tokenizer is not None),
        form=TargetForm(labels=labels, context="full", gap=gap),
        tokenizer=tokenizer,
        metrics=metrics,
        without=frozenset(leave_out or ()),
        errors=errors,
        scoring=read_scoring(scoring),
    )
