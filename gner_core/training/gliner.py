"""A training stage of GLiNER, which its own package trains in a child process.

Sentences, types and recipe are those that every system gets. A training that was stopped goes on
from its last checkpoint.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gner_core.artifact_files import JOURNAL, SUMMARY
from gner_core.config.checkpoint import VERSION, Description, describe
from gner_core.config.systems.gliner import GlinerSystem
from gner_core.config.training import TrainParams
from gner_core.records import Sentence, read_sentences, spans_of
from gner_core.runtime.files import replacing_file, write_json
from gner_core.runtime.worker import COMPUTED_IN, Report
from gner_core.systems.gliner.environment import command
from gner_core.systems.gliner.process import Child
from gner_core.systems.gliner.reading import CONFIG
from gner_core.systems.gner.prompts import TypePool
from gner_core.systems.naming import type_names
from gner_core.training.data.examples import drawn_types
from gner_core.training.guards import journal_lines
from gner_core.training.stage import TrainRequest, training_format

EXAMPLES, CHECKPOINTS = "examples.jsonl", "checkpoints"


def train_gliner(request: TrainRequest, system: GlinerSystem, report: Report) -> dict[str, Any]:
    """Train on an encoder, a decoder-only model or a checkpoint of GLiNER; fill the output folder.

    Raises:
        InputError: for what the child process refuses: folders, and sentences that are too long.
    """
    sentences = read_sentences(Path(request.sentences))
    examples = Path(request.scratch) / EXAMPLES
    with replacing_file(examples) as unfinished, unfinished.open("w", encoding="ascii") as file:
        file.writelines(rows(sentences, request.train, type_names(system.type_names)))

    def tell(event: dict[str, Any]) -> None:
        report(event["done"], event["total"], **event["metrics"])

    assert request.package is not None
    with Child(command(Path(request.package))) as child:
        facts = child.ask(_asked(request, system, examples), on_progress=tell)
    output, history = Path(request.output), facts.pop("history")
    summary = {
        **{name: value for name, value in facts.items() if name != "ok"},
        "chosen": {"update": facts["updates"], "by": "last"},
        "device": child.hello["device"],
        COMPUTED_IN: training_format(request.backbone, request.execution),
    }
    types = {name for sentence in sentences for name in sentence.types}
    described = Description(
        version=VERSION,
        backbone=request.backbone,
        target=None,
        system=system,
        types=tuple(sorted(types)),
    )
    describe(output, described)
    lines = (f"{json.dumps(line)}\n" for line in journal_lines(history))
    (output / JOURNAL).write_text("".join(lines))
    write_json(output / SUMMARY, summary)
    return {"summary": summary}


def rows(
    sentences: Sequence[Sentence], params: TrainParams, names: Mapping[str, str]
) -> Iterator[str]:
    """Yield a JSON line a sentence: words, spans with their last word, and the types of each epoch.

    Args:
        names: the system's names of our types.
    """
    pool = TypePool.of(sentences)
    for one in sentences:
        spans = [
            (span.start, span.end - 1, names.get(span.label, span.label))
            for span in spans_of(one.tags)
        ]
        drawn = (drawn_types(one, pool, params, epoch=epoch) for epoch in range(params.epochs))
        types = [[names.get(kind, kind) for kind in of_epoch] for of_epoch in drawn]
        yield json.dumps({"words": one.words, "spans": spans, "types": types}) + "\n"


def _asked(request: TrainRequest, system: GlinerSystem, examples: Path) -> dict[str, Any]:
    """Return what the child process is asked for, in the words of its package."""
    params, execution = request.train, request.execution
    goes_on = (Path(request.model) / CONFIG).exists()
    constant = params.schedule == "constant"
    return {
        "do": "train",
        "threads": request.threads,
        "model": request.model,
        "causal": request.backbone.family == "decoder_only",
        "shape": None if goes_on else _shape(system),
        "frozen_layers": params.frozen_layers,
        "examples": str(examples),
        "checkpoints": str(Path(request.scratch) / CHECKPOINTS),
        "output": request.output,
        "max_types": system.training.max_types,
        "too_long": params.too_long,
        "dtype": training_format(request.backbone, execution),
        "seed": params.seed,
        "arguments": {
            "num_train_epochs": params.epochs,
            "per_device_train_batch_size": params.global_batch,
            "learning_rate": params.learning_rate,
            "others_lr": system.training.rate,
            "weight_decay": params.weight_decay,
            "others_weight_decay": params.weight_decay,
            "lr_scheduler_type": "constant_with_warmup" if constant else params.schedule,
            "warmup_ratio": params.warmup_share,
            "max_grad_norm": params.max_grad_norm,
            "focal_loss_alpha": system.training.focal_alpha,
            "focal_loss_gamma": system.training.focal_gamma,
            "save_steps": execution.checkpoint_every,
            "save_total_limit": execution.keep_checkpoints,
        },
    }


def _shape(system: GlinerSystem) -> dict[str, Any]:
    return {
        "hidden_size": system.shape.hidden,
        "max_width": system.shape.max_width,
        "max_len": system.shape.max_words,
        "dropout": system.shape.dropout,
    }
