"""The model card of a checkpoint: README.md with the front matter that the Hugging Face hub reads."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gner_core.config.backbone import BackboneParams, HubModel, PackageSource, RandomSource
from gner_core.config.checkpoint import Description
from gner_core.config.systems.gner import TargetForm
from gner_core.reports.card.facts import UNKNOWN, CardFacts, TrainedCorpus, TrainedStage
from gner_core.systems.gner.prompts import prompt
from gner_core.systems.gner.targets import target

PAPER = "https://arxiv.org/abs/2402.16602"
EXAMPLE = "Ada Lovelace was born in London ."
"""With blanks between all words, as in the prompt."""
SHOWN_TYPES = 60
"""Types that the text of a card lists, at most; gner.json has all."""


@dataclass(frozen=True)
class CardScore:
    """The scores of a checkpoint on one corpus of a test."""

    test: str
    corpus: str
    sentences: int
    precision: float
    recall: float
    f1: float
    low: float | None
    """Of the interval of F1; None where there is none."""
    high: float | None
    level: float
    """Of the interval, 0 to 1."""
    decoding: str
    """Such as `guided, 1 beam`."""


def write_card(
    about: Description,
    facts: CardFacts,
    *,
    title: str,
    where: str,
    licence: str,
    scores: Sequence[CardScore],
) -> str:
    """Return the card of a checkpoint.

    Args:
        title: name of the model.
        where: what it is loaded by: its folder, or its repository on the hub.
        licence: an identifier of the hub, such as `apache-2.0`; UNKNOWN where nobody has chosen one.
        scores: those that are known.
    """
    from huggingface_hub import ModelCard

    parts = _sections(about, facts, title=title, where=where, licence=licence, scores=scores)
    text = "\n\n".join(parts)
    data = _front_matter(about, facts, title=title, licence=licence, scores=scores)
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}\n", ignore_metadata_errors=False))


def _front_matter(
    about: Description, facts: CardFacts, *, title: str, licence: str, scores: Sequence[CardScore]
) -> Any:
    """Return the front matter as the hub's own library writes it."""
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="token-classification",
            task_name="named entity recognition",
            dataset_type=_slug(one.corpus),
            dataset_name=one.corpus,
            dataset_config=one.test,
            metric_type=kind,
            metric_value=round(value, 4),
            metric_name=f"{kind}{_interval(one) if kind == 'f1' else ''}",
            metric_args={"decoding": one.decoding},
        )
        for one in scores
        for kind, value in (("f1", one.f1), ("precision", one.precision), ("recall", one.recall))
    ]
    source = about.backbone.source
    datasets = sorted({c.dataset for c in _corpora(facts) if c.dataset})
    base = source.repo if isinstance(source, HubModel) else None
    writes = about.backbone.family != "encoder"
    return ModelCardData(
        license=licence,
        library_name="transformers" if writes else None,
        pipeline_tag="text-generation" if writes else None,
        base_model=base,
        base_model_relation="finetune" if base else None,
        datasets=datasets or None,
        metrics=["f1", "precision", "recall"],
        tags=["named-entity-recognition", "ner", "gner"],
        model_name=title,
        eval_results=results or None,
        gner=facts.model_dump(mode="json", exclude_defaults=False),
    )


def _sections(
    about: Description,
    facts: CardFacts,
    *,
    title: str,
    where: str,
    licence: str,
    scores: Sequence[CardScore],
) -> Iterator[str]:
    """Yield the parts of the text."""
    system = about.trained_for.kind if about.trained_for else "none"
    yield f"# {_plain(title)}"
    yield (
        "Finds named entities in texts of any length, of the types that a request names. Trained "
        f"with gner (system: {system}), which implements [Rethinking Negative Instances for "
        f"Generative Named Entity Recognition]({PAPER})."
    )
    yield "## Use"
    yield from _use(about, where)
    yield "## Base model"
    yield _base(about.backbone)
    yield "## Training data"
    yield from _training(facts)
    yield "## Scores"
    yield from _scores(scores)
    yield "## Types"
    yield _types(about.types)
    yield "## Licence"
    yield _licence(licence)
    yield "## Limits"
    yield _limits(about)


def _use(about: Description, where: str) -> Iterator[str]:
    types = list(about.types[:3]) or ["person", "location"]
    yield (
        f"With gner:\n\n```python\nimport gner_core\n\nmodel = gner_core.load({where!r})\n"
        f"entities = model.predict({EXAMPLE!r}, types={types!r})\n```"
    )
    if about.target is None:
        yield "The prompts of this system are part of gner; `gner.json` has its settings."
        return
    causal = about.backbone.family == "decoder_only"
    auto = "AutoModelForCausalLM" if causal else "AutoModelForSeq2SeqLM"
    asked = prompt(EXAMPLE.split(), types, about.target)
    framed = f"{about.backbone.prompt_before}{asked}{about.backbone.prompt_after}"
    written = 'output[0, inputs["input_ids"].shape[1] :]' if causal else "output[0]"
    yield (
        f"With transformers alone, the model writes {_written(about.target)}. What it writes is not "
        "bound to the sentence; gner's guided decoding binds it, and gives offsets and confidences."
    )
    yield (
        f"```python\nfrom transformers import {auto}, AutoTokenizer\n\n"
        f"tokenizer = AutoTokenizer.from_pretrained({where!r})\n"
        f"model = {auto}.from_pretrained({where!r})\n"
        f"prompt = {framed!r}\n"
        'inputs = tokenizer(prompt, return_tensors="pt")\n'
        "output = model.generate(**inputs, max_new_tokens=200)\n"
        f"print(tokenizer.decode({written}, skip_special_tokens=True))\n```"
    )


def _written(form: TargetForm) -> str:
    shown = target(("Ada", "waves"), ("B-person", "O"), form)
    return f"the sentence with its labels, such as `{shown}` for *Ada waves*"


def _base(backbone: BackboneParams) -> str:
    source, name = backbone.source, _plain(backbone.name)
    said = f"{name}, {backbone.parameters:,} parameters"
    if isinstance(source, HubModel):
        return f"{said}: [{source.repo}](https://huggingface.co/{source.repo}), commit `{source.revision}`."
    if isinstance(source, PackageSource):
        return f"{said}, from the Python package `{source.package}` {source.version}."
    if isinstance(source, RandomSource):
        return f"{said}. Its weights were random before the training: a model for tests."
    return f"{said}, from a local folder; where that came from is not known."


def _training(facts: CardFacts) -> Iterator[str]:
    if facts.stages is None:
        yield "Not known: this checkpoint was trained before cards were written with checkpoints."
        return
    if facts.earlier:
        yield f"The training went on from {_plain(facts.earlier)}, whose training data is not known here."
    for stage in facts.stages:
        yield (
            f"Stage *{_plain(stage.name)}* (`train/{stage.key}`): {stage.epochs:g} epochs, learning "
            f"rate {stage.learning_rate:g}."
        )
        yield _table(
            ("corpus", "sentences", "types", "licence", "may be passed on", "from"),
            [
                (
                    corpus.name,
                    f"{corpus.sentences:,}",
                    f"{corpus.types:,}",
                    corpus.licence,
                    {True: "yes", False: "no", None: UNKNOWN}[corpus.redistributable],
                    corpus.origin,
                )
                for corpus in stage.corpora
            ],
        )


def _scores(scores: Sequence[CardScore]) -> Iterator[str]:
    if not scores:
        yield "None were known when this card was written."
        return
    yield (
        "Precision, recall and F1 in points, by the metric of the paper (unique pairs of text and "
        "type of a sentence), with bootstrap intervals of F1 "
        f"({100 * scores[0].level:g} %)."
    )
    yield _table(
        ("test", "corpus", "sentences", "precision", "recall", "F1", "interval of F1", "decoding"),
        [
            (
                one.test,
                one.corpus,
                f"{one.sentences:,}",
                *(f"{100 * value:.1f}" for value in (one.precision, one.recall, one.f1)),
                "–" if one.low is None else _bounds(one),
                one.decoding,
            )
            for one in scores
        ],
    )


def _types(types: Sequence[str]) -> str:
    if not types:
        return "No types of its own: name those to look for."
    shown = ", ".join(f"*{_plain(name)}*" for name in types[:SHOWN_TYPES])
    more = (
        f" and {len(types) - SHOWN_TYPES:,} more, see `gner.json`"
        if len(types) > SHOWN_TYPES
        else ""
    )
    return (
        f"The last stage was trained on {len(types):,} types: {shown}{more}. Other types can be "
        "named; how well they are found must be tested."
    )


def _licence(licence: str) -> str:
    if licence != UNKNOWN:
        return f"`{licence}`, as chosen by who published it. The corpora above have their own."
    return (
        "Unknown: nobody has chosen one. The licences of the base model and of the corpora above may "
        "limit what the weights may be used for."
    )


def _limits(about: Description) -> str:
    backbone = about.backbone
    family = "prompt and answer together" if backbone.family == "decoder_only" else "a prompt"
    limits = (
        f"{backbone.max_source_tokens:,} tokens of {family}; gner cuts longer texts into windows.",
        "Entities neither overlap nor nest, and have no gaps.",
        (
            "Scores hold for texts like those of the tests. On other domains, languages and types "
            "they may be far lower."
        ),
        "Found entities are guesses: check them before people are affected by them.",
    )
    return "\n".join(f"- {limit}" for limit in limits)


def _corpora(facts: CardFacts) -> list[TrainedCorpus]:
    stages: Sequence[TrainedStage] = facts.stages or ()
    return [corpus for stage in stages for corpus in stage.corpora]


def _interval(one: CardScore) -> str:
    return "" if one.low is None else f" ({100 * one.level:g} % interval {_bounds(one)})"


def _bounds(one: CardScore) -> str:
    return f"{100 * (one.low or 0):.1f} to {100 * (one.high or 0):.1f}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *[[_plain(cell) for cell in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-") or "corpus"


def _plain(text: str) -> str:
    """Return a text so that Markdown and HTML show it as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>|#&~])", r"\\\1", " ".join(text.split()))
