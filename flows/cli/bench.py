"""The commands `gner bench matching | train | generate`: how long things take here."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.cli.messages import print_json
from flows.cli.run import Overrides
from flows.cli.score import Tokenizer
from flows.views.output import Output
from gner_core.errors import InputError

if TYPE_CHECKING:
    from gner_core.config.experiment import Experiment
    from tasks.standalone.bench.generation import Mode

app = typer.Typer(no_args_is_help=True, help="Time parts of gner on your own files.")

Params = Annotated[Path, typer.Argument(help="Experiment file, for example params/bench.yaml.")]
Json = Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")]


@app.command()
def matching(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Predictions: a file, or generate/KEY; without, made from demo sentences."
        ),
    ] = None,
    tokenizer: Tokenizer = None,
    seconds: Annotated[float, typer.Option(min=0.01, max=600, help="Time for each figure.")] = 1.0,
    as_json: Json = False,
) -> None:
    """Time alignment as Table 5 of the paper does, on one core."""
    from flows.views.bench import print_matching
    from gner_core.matching.back_tokenization import BackTokens, from_file
    from gner_core.scoring.analysis.matching_speed import bench, made_pairs, read_pairs
    from tasks.checkpoints.find import find_predictions

    back = BackTokens(from_file(tokenizer)) if tokenizer else None
    pairs = read_pairs(find_predictions(file)) if file else made_pairs(per_bin=200, seed=1)
    if back:
        back.learn({word for pair in pairs for word in pair.source})
    rows = bench(pairs, back=back.changed if back else {}, seconds=seconds)
    if as_json:
        print_json([asdict(row) for row in rows])
    else:
        print_matching(rows)


@app.command()
def train(
    params: Params,
    overrides: Overrides = None,
    stage: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Training stage of the file; by default the first."),
    ] = None,
    updates: Annotated[int, typer.Option(min=1, help="Weight updates that are measured.")] = 4,
    warm_up: Annotated[int, typer.Option(min=0, help="Weight updates before them.")] = 1,
    one_in: Annotated[
        int, typer.Option(min=1, help="Run one in so many micro-batches of each update.")
    ] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="Measure each side so often, in turn.")] = 1,
    device: Annotated[
        str | None,
        typer.Option(help="Count utilisation against A100-80G, H100-SXM, H200 or L40S."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a few updates of a stage, once as gner does and once as plain transformers does.

    Each side runs in a process of its own, on the same sentences.
    """
    from flows.views.bench import training_table
    from gner_core.config.reading.files import read_experiment
    from tasks.standalone.bench.training import measure_training

    experiment = read_experiment(params, overrides=overrides or [])
    stage = stage or next(iter(experiment.stages), "")
    sides = measure_training(
        experiment,
        stage=stage,
        updates=updates,
        warm_up=warm_up,
        one_in=one_in,
        rounds=rounds,
        device=device,
        console=Output(stderr=True),
    )
    if as_json:
        print_json(sides)
    else:
        Output().print(training_table(experiment.name, stage, sides))


@app.command()
def generate(
    params: Params,
    overrides: Overrides = None,
    evaluation: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Test whose sentences and checkpoint are taken; by default the first of a trained one.",
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Folder of a checkpoint; else the published one.")
    ] = None,
    mode: Annotated[
        Literal["free", "guided"] | None, typer.Option(help="Way of decoding; by default both.")
    ] = None,
    beams: Annotated[
        list[int] | None, typer.Option(min=1, help="Beam size; repeatable, 1 by default.")
    ] = None,
    batch: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Batch size; repeatable. By default 4, of other systems 16."),
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(min=1, help="Of a system beside gner: measure each way so often, in turn."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Time ways of decoding on the sentences of an evaluation (Table 4: batch 4).

    Each way runs in a process of its own. Guided labels are compared with those of free greedy texts.
    Where GLiNER is installed, so are its two shapes with random weights, for their speed. Of a system
    beside gner, what its prompts share is computed once, and whole prompts are compared with that.
    """
    from gner_core.config.reading.files import read_experiment
    from gner_core.config.training import BACKBONE

    experiment = read_experiment(params, overrides=overrides or [])
    trained = [name for name, test in experiment.tests.items() if test.of != BACKBONE]
    evaluation = evaluation or next(iter([*trained, *experiment.tests]), "")
    if experiment.system.kind == "gner":
        if rounds:
            raise InputError("--rounds: only for a system beside gner; leave it out")
        modes: list[Mode] = [mode] if mode else ["free", "guided"]
        ways = [*product(modes, beams or [1], batch or [4])]
        _time_decoding(experiment, evaluation, checkpoint, ways, as_json=as_json)
        return
    if mode or beams or len(batch or []) > 1:
        raise InputError("--mode, --beams and a second --batch: only for gner; leave them out")
    size = batch[0] if batch else 16
    _time_prompts(experiment, evaluation, checkpoint, size, rounds or 1, as_json=as_json)


def _time_decoding(
    experiment: "Experiment",
    evaluation: str,
    checkpoint: Path | None,
    ways: Sequence[tuple["Mode", int, int]],
    *,
    as_json: bool,
) -> None:
    """Time gner's ways of decoding (mode, beam size, batch size), and GLiNER's shapes."""
    from flows.views.bench import generation_table
    from tasks.standalone.bench.generation import measure_generation
    from tasks.standalone.bench.gliner import measure_gliner

    console = Output(stderr=True)
    place: dict[str, Any] = {"evaluation": evaluation, "checkpoint": checkpoint, "console": console}
    rows = measure_generation(experiment, ways=ways, **place)
    batches = [*dict.fromkeys(batch for _, _, batch in ways)]
    others = measure_gliner(experiment, batches=batches, **place)
    if as_json:
        print_json([*map(asdict, rows), *({"mode": "gliner", **asdict(row)} for row in others)])
    else:
        Output().print(generation_table(experiment.name, rows, others))


def _time_prompts(
    experiment: "Experiment",
    evaluation: str,
    checkpoint: Path | None,
    batch: int,
    rounds: int,
    *,
    as_json: bool,
) -> None:
    """Time ways in which the prompts of another system run."""
    from flows.views.bench import prefix_table
    from tasks.standalone.bench.prefixes import measure_prefixes

    table = measure_prefixes(
        experiment,
        evaluation=evaluation,
        checkpoint=checkpoint,
        batch=batch,
        rounds=rounds,
        console=Output(stderr=True),
    )
    if as_json:
        print_json([asdict(row) for row in table])
    else:
        Output().print(prefix_table(experiment.name, table))
