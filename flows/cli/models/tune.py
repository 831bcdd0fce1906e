"""The command `gner tune`: values of decoding that suit one's own tagged sentences."""

import math
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.messages import print_json
from flows.cli.models.predict import (
    About,
    Beams,
    CalibrateTypes,
    Checkpoint,
    OneType,
    Orders,
    TypeList,
)
from flows.cli.score import AsJson, Scoring
from gner_core.errors import InputError
from tasks.workers import started_ahead

FITTING = "gner_core.generation.fit"
Penalties = Annotated[
    str,
    typer.Option(metavar="NATS,…", help="Penalties of O to choose from; 0 is always one of them."),
]


@started_ahead([FITTING])
def tune(
    checkpoint: Checkpoint,
    file: Annotated[Path, typer.Argument(help="Tagged sentences that it was not trained on.")],
    types: TypeList = None,
    one_type: OneType = None,
    penalties: Penalties = "-1,-0.5,0.5,1,1.5,2,3",
    beams: Beams = 1,
    orders: Orders = 1,
    calibrate_types: CalibrateTypes = None,
    batch: Annotated[int, typer.Option(min=1, help="Prompts decoded side by side.")] = 16,
    scoring: Scoring = None,
    as_json: AsJson = False,
    about: About = None,
) -> None:
    """Fit the decoding of a checkpoint of gner to your own tagged sentences.

    The penalty of O is chosen by F1, the temperature of confidences by the log loss of the labels.
    Without types, it looks for those of the file.
    """
    from flows.views.models.predict import progress
    from flows.views.models.tune import print_fit
    from flows.views.output import Output
    from flows.views.score import noted
    from gner_core.config.reading.files import read_scoring
    from gner_core.predicting.entities import listed_types
    from gner_core.predicting.loading.system import rating_of
    from tasks.checkpoints.foreign import usable
    from tasks.standalone.predict import sentences_to_test
    from tasks.standalone.tune import tuned

    chosen_from, intervals = _numbers(penalties), read_scoring(scoring)
    rating = rating_of(orders, 0.0, calibrate_types, 1.0)
    wanted = listed_types(types, one_type or [])
    own = sentences_to_test(file, wanted, without=[])
    for line in noted(own.notes):
        Output(stderr=True).print(line)
    found = usable(checkpoint, about)
    with progress() as show:
        fit = tuned(
            *(found, own.sentences),
            penalties=chosen_from,
            rating=rating,
            beams=beams,
            batch=batch,
            scoring=intervals,
            on_event=show,
        )
    if as_json:
        print_json({"options": rating.model_dump(), **fit})
    else:
        print_fit(fit, rating=rating, level=intervals.level)


def _numbers(text: str) -> list[float]:
    """Return the numbers of a list with commas.

    Raises:
        InputError: for what is no number.
    """
    found = []
    for one in text.split(","):
        try:
            found.append(float(one))
        except ValueError:
            found.append(math.nan)
        if not math.isfinite(found[-1]):
            raise InputError(f"--penalties: {one.strip()!r} is no number; write nats: 0.5,1,2")
    return found
