"""The child process: runs GLiNER in an environment of its own, and speaks JSON lines.

It is started as a script and imports nothing of gner; `process.py` says what the lines look like.
Words go in as they are, so that no pattern splits them anew. All candidates over the threshold
come out, in the order of the package; which of them are entities is decided elsewhere.
"""

import os

ANSWERS = os.dup(1)
"""Standard output; what libraries print goes to standard error."""
os.dup2(2, 1)

import json
import queue
import re
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import gliner
import torch
import transformers
from gliner import GLiNER
from gliner.config import GLiNERConfig, StreamingSpanConfig
from gliner.training import Trainer, TrainingArguments
from safetensors import safe_open
from transformers.trainer_utils import get_last_checkpoint, set_seed

CONFIG, TOKENIZER = "gliner_config.json", "tokenizer_config.json"
WEIGHTS, OLD_WEIGHTS = "model.safetensors", "pytorch_model.bin"
OWN_CODE = "auto_map"
"""A key of a config that names Python files of the model's own; gliner would run them."""
PARTS = ("encoder_config", "decoder_config", "labels_encoder_config", "span_encoder_config")
"""Configs within a config."""
NO_LIMIT = int(1e30)
"""What transformers takes for no limit of tokens."""
SENTENCES_BETWEEN_EVENTS = 64
LAYER = re.compile(r"\.(?:layers?|h|blocks?)\.(\d+)\.")
"""The number of a layer in the names of weights, of encoders and decoders alike."""
Json = dict[str, Any]
Tell = Callable[[Json], None]


class FaultError(Exception):
    """The request, or a file that it names, is wrong; the message is for people."""


class Model:
    """A model with its limits and number format."""

    def __init__(self, model: Any, *, dtype: str) -> None:
        """Take a model of the package to the device of this process."""
        self.device = device()
        self.gliner = model.to(self.device).eval()
        self.gliner.decoder.greedy_search = _all_candidates
        self.dtype = dtype
        self.most_words = int(model.config.max_len)
        self.most_tokens = most_tokens(model)

    def excess(self, words: Sequence[str], types: Sequence[str]) -> str | None:
        """Say why a sentence is too long for this model, where it is."""
        if len(words) > self.most_words:
            return f"{len(words)} words, the model takes at most {self.most_words}"
        processor = self.gliner.data_processor
        asked = [] if hasattr(processor, "labels_tokenizer") else list(types)
        inputs, _ = processor.prepare_inputs([list(words)], [asked])
        ids = processor.transformer_tokenizer(inputs, is_split_into_words=True)["input_ids"][0]
        if len(ids) > self.most_tokens:
            return f"{len(ids)} tokens with types, the encoder takes at most {self.most_tokens}"
        return None

    def candidates(self, batch: Sequence[Json], threshold: float) -> list[list[list[Any]]]:
        """Return start, end (exclusive), type and score of all spans over the threshold."""
        rows = [{"tokenized_text": one["words"], "ner": None} for one in batch]
        inputs = self.gliner.collate_batch(rows, [one["types"] for one in batch])
        with self._computing():
            output = self.gliner.run_batch(inputs, threshold=threshold)
        output.logits = output.logits.float()
        found = self.gliner.decode_batch(output, inputs, threshold=threshold)
        return [[[s.start, s.end + 1, s.entity_type, s.score] for s in spans] for spans in found]

    def answer(self, request: Json, tell: Tell) -> list[Json]:
        """Return for every sentence its candidates, or why it is too long; long ones first."""
        sentences = request["sentences"]
        answers: list[Json] = [{"candidates": []} for _ in sentences]
        ready = []
        for index, one in enumerate(sentences):
            if excess := self.excess(one["words"], one["types"]):
                answers[index] = {"too_long": excess}
            elif one["words"] and one["types"]:
                ready.append(index)
        ready.sort(key=lambda index: -len(sentences[index]["words"]))
        told = 0
        for at in range(0, len(ready), request["batch"]):
            part = ready[at : at + request["batch"]]
            found = self.candidates([sentences[n] for n in part], request["threshold"])
            for index, candidates in zip(part, found, strict=True):
                answers[index] = {"candidates": candidates}
            if at - told >= SENTENCES_BETWEEN_EVENTS:
                told = at
                tell({"done": at + len(part), "total": len(ready)})
        return answers

    def _computing(self) -> AbstractContextManager[Any]:
        enabled = self.dtype == "bfloat16"
        context: AbstractContextManager[Any] = torch.autocast(
            self.device, torch.bfloat16, enabled=enabled
        )
        return context


def _all_candidates(spans: list[Any], *_flags: Any, **_more: Any) -> list[Any]:
    """Stand for the package's choice among overlapping candidates."""
    return spans


def device() -> str:
    """Return where models run."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def most_tokens(model: Any) -> int:
    """Return how many tokens the encoder can take, and let the tokenizer cut nothing."""
    tokenizer = model.data_processor.transformer_tokenizer
    config = getattr(model.config, "decoder_config", None) or model.config.encoder_config
    positions = NO_LIMIT  # relative ones have no end
    if not getattr(config, "relative_attention", False):
        positions = getattr(config, "max_position_embeddings", NO_LIMIT)
    most = min(int(tokenizer.model_max_length), positions)
    tokenizer.model_max_length = NO_LIMIT
    return most


def load(folder: Path) -> Any:
    """Load a complete folder: config with its encoder's, safetensors weights, tokenizer.

    Raises:
        FaultError: for a folder that lacks one of them, or has code of its own.
    """
    for name in (CONFIG, WEIGHTS, TOKENIZER):
        if not (folder / name).is_file():
            raise FaultError(f"{folder}: no {name}; `gner systems import gliner` completes folders")
    refuse_own_code(folder)
    config = json.loads((folder / CONFIG).read_text())
    if not (config.get("encoder_config") or config.get("decoder_config")):
        raise FaultError(
            f"{folder / CONFIG}: no encoder_config; `gner systems import gliner` adds it"
        )
    model = GLiNER.from_pretrained(str(folder), local_files_only=True)
    with safe_open(folder / WEIGHTS, framework="pt") as file:
        refuse_missing(model, {*file.keys(), *(file.metadata() or {})}, folder / WEIGHTS)
    return model


def refuse_missing(model: Any, saved: set[str], file: Path) -> None:
    """Raise a fault for weights that a file lacks: gliner would leave them random."""
    missing = sorted(name for name in model.model.state_dict() if name not in saved)
    if missing:
        raise FaultError(f"{file}: lacks {len(missing)} weights of its model, such as {missing[0]}")


def refuse_own_code(folder: Path) -> None:
    """Raise a fault for a folder whose configs name code: gliner lets transformers run it."""
    for file in sorted(folder.glob("*.json")):
        if OWN_CODE in _names_in(json.loads(file.read_text())):
            raise FaultError(f"{file}: {OWN_CODE} names code of the model's own, which is not run")


def _names_in(value: Any) -> Iterator[str]:
    """Yield all keys of a JSON value."""
    if isinstance(value, dict):
        yield from value
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _names_in(one)


def complete(request: Json, _: Tell) -> Json:
    """Write a checkpoint as it was released into a folder that `load` takes.

    The first releases have no tokenizer, no config of their encoder, and weights that torch wrote.
    """
    source, target = Path(request["source"]), Path(request["target"])
    encoder = Path(request["encoder"]) if request["encoder"] else None
    weights = next((source / n for n in (WEIGHTS, OLD_WEIGHTS) if (source / n).is_file()), None)
    if weights is None or not (source / CONFIG).is_file():
        raise FaultError(f"{source}: no {CONFIG} with {WEIGHTS} or {OLD_WEIGHTS} beside it")
    config = json.loads((source / CONFIG).read_text())
    has_config = config.get("encoder_config") or config.get("decoder_config")
    if encoder is None and not (has_config and (source / TOKENIZER).is_file()):
        raise FaultError(
            f"{source}: holds no tokenizer or no config of its encoder; give a folder "
            f"of its encoder, {config.get('model_name')}"
        )
    refuse_own_code(source)
    if encoder:
        refuse_own_code(encoder)
        config["model_name"] = str(encoder)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in source.iterdir():
            if file.is_file() and file.name != CONFIG:
                (folder / file.name).symlink_to(file.absolute())
        (folder / CONFIG).write_text(json.dumps(config))
        model = GLiNER.from_pretrained(str(folder), local_files_only=True)
        saved = model._load_state_dict(weights)  # noqa: SLF001 (torch.load with weights_only)
        refuse_missing(model, {*saved}, weights)
    save(model, target, name=source.name)
    return {"most_words": int(model.config.max_len), "parameters": parameters(model)}


def save(model: Any, target: Path, *, name: str) -> None:
    """Write config, safetensors weights and tokenizer; the config names no folder of this machine."""
    for config in (model.config, *(getattr(model.config, part, None) for part in PARTS)):
        if config is not None:
            config._name_or_path = name  # noqa: SLF001 (it is written, too)
    model.config.model_name = name
    model.save_pretrained(target, safe_serialization=True)


def build(request: Json) -> Any:
    """Build a model on a pretrained encoder or decoder, or on a random one of a given shape."""
    set_seed(request["seed"])
    folder, shape = Path(request["model"]), request["shape"]
    refuse_own_code(folder)
    kind = StreamingSpanConfig if request["causal"] else GLiNERConfig
    config = kind(model_name=str(folder), **shape)
    if "encoder_config" not in shape:
        return GLiNER.from_config(config, local_files_only=True)
    model = GLiNER.from_config(
        config,
        backbone_from_pretrained=False,
        resize_token_embeddings=False,  # the shape says how many there are
        local_files_only=True,
    )
    markers = model._get_special_tokens()  # noqa: SLF001 (what from_config adds when it resizes)
    model.data_processor.transformer_tokenizer.add_tokens(markers, special_tokens=True)
    model.set_class_indices()
    model.config.vocab_size = model.config.encoder_config.vocab_size
    return model


class Batches:
    """Makes batches of examples, each with the types of its epoch."""

    def __init__(self, collate: Callable[[list[Json]], Any], most_types: int) -> None:
        """Wrap a collator of the package."""
        self.collate, self.most_types = collate, most_types
        self.epoch = 0

    def __call__(self, rows: list[Json]) -> Any:
        """Return a batch; types over the limit are left out, with their entities."""
        return self.collate(
            [
                {
                    "tokenized_text": row["words"],
                    "ner": row["spans"],
                    "ner_labels": row["types"][self.epoch][: self.most_types],
                }
                for row in rows
            ]
        )


class Telling(transformers.TrainerCallback):
    """Tells each weight update with its figures, and the batches which epoch it is."""

    def __init__(self, tell: Tell, batches: Batches) -> None:
        """Tell through a function."""
        self.tell, self.batches = tell, batches

    def on_epoch_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Tell the batches; a training that was stopped begins within an epoch."""
        self.batches.epoch = int(state.epoch)

    def on_log(self, _args: Any, state: Any, _control: Any, logs: Json, **_: Any) -> None:
        """Tell what the trainer logs."""
        figures = {
            k: float(v) for k, v in logs.items() if k in ("loss", "learning_rate", "grad_norm")
        }
        if figures:
            self.tell({"done": state.global_step, "total": state.max_steps, "metrics": figures})


def train(request: Json, tell: Tell) -> Json:
    """Train on the rows of a JSONL file and save the last weights; resumes from a checkpoint.

    A row has words, spans with their last word, and types for every epoch.
    """
    model = load(Path(request["model"])) if request["shape"] is None else build(request)
    freeze(model, request["frozen_layers"])
    set_seed(request["seed"])
    with Path(request["examples"]).open() as lines:
        rows = [json.loads(line) for line in lines]
    limits = Model(model, dtype="float32")
    kept = [row for row in rows if not any(limits.excess(row["words"], t) for t in row["types"])]
    if request["too_long"] == "error" and len(kept) < len(rows):
        raise FaultError(f"{len(rows) - len(kept)} of {len(rows)} sentences are too long")
    if not kept:
        raise FaultError("no sentence to train on: all are too long")
    width = model.config.max_width
    wide = sum(end - start >= width for row in kept for start, end, _ in row["spans"])
    batches = Batches(model._create_data_collator(), request["max_types"])  # noqa: SLF001
    trainer = Trainer(
        model=model,
        args=_arguments(request),
        train_dataset=kept,
        data_collator=batches,
        processing_class=model.data_processor.transformer_tokenizer,
        callbacks=[Telling(tell, batches)],
    )
    checkpoints = request["checkpoints"]
    last = get_last_checkpoint(checkpoints) if Path(checkpoints).is_dir() else None
    trainer.train(resume_from_checkpoint=last)
    model.data_processor.transformer_tokenizer.model_max_length = limits.most_tokens
    save(model, Path(request["output"]), name=Path(request["model"]).name)
    return {
        "updates": trainer.state.global_step,
        "sentences": len(rows),
        "left_out": len(rows) - len(kept),
        "too_wide": wide,
        "history": trainer.state.log_history,
    }


def _arguments(request: Json) -> TrainingArguments:
    arguments = TrainingArguments(
        output_dir=request["checkpoints"],
        use_cpu=device() == "cpu",
        bf16=request["dtype"] == "bfloat16",
        seed=request["seed"],
        logging_steps=1,
        report_to="none",
        disable_tqdm=True,
        masking="none",
        **request["arguments"],
    )
    arguments.save_safetensors = True  # else gliner's trainer writes pickles
    return arguments


def freeze(model: Any, layers: int) -> None:
    """Freeze the lowest layers of the encoder; its embeddings learn new markers and stay free."""
    for name, weights in model.model.token_rep_layer.named_parameters():
        if (found := LAYER.search(name)) and int(found[1]) < layers:
            weights.requires_grad_(False)


def parameters(model: Any) -> int:
    """Return the number of weights."""
    return sum(one.numel() for one in model.parameters())


class Session:
    """Answers requests, one after the other, with the model that was loaded last."""

    def __init__(self) -> None:
        """Start without a model."""
        self._model: Model | None = None
        self._works: dict[str, Callable[[Json, Tell], Json]] = {
            "load": self._load,
            "answer": self._answer,
            "complete": complete,
            "random": self._random,
            "train": train,
        }

    def serve(self, requests: "queue.SimpleQueue[bytes]", tell: Tell) -> None:
        """Answer until this process ends."""
        while True:
            request = json.loads(requests.get())
            if request.get("threads"):
                torch.set_num_threads(request["threads"])
            try:
                tell({"ok": True, **self._works[request["do"]](request, _progress(tell))})
            except FaultError as fault:
                tell({"ok": False, "error": str(fault)})

    def _load(self, request: Json, _: Tell) -> Json:
        return self._keep(load(Path(request["model"])), request)

    def _random(self, request: Json, _: Tell) -> Json:
        model = build(request)
        if request["output"]:
            save(model, Path(request["output"]), name="random")
        return self._keep(model, request)

    def _keep(self, model: Any, request: Json) -> Json:
        self._model = Model(model, dtype=request["dtype"])
        return {
            "most_words": self._model.most_words,
            "most_tokens": self._model.most_tokens,
            "parameters": parameters(model),
        }

    def _answer(self, request: Json, tell: Tell) -> Json:
        assert self._model, "load comes first"
        return {"answers": self._model.answer(request, tell)}


def _progress(tell: Tell) -> Tell:
    return lambda event: tell({"progress": event})


def main() -> None:
    """Say which packages there are, then answer requests until standard input ends."""
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin.buffer:
            requests.put(line)
        os._exit(0)  # whoever asked is gone, whatever is being computed

    answers = os.fdopen(ANSWERS, "w", encoding="ascii")

    def tell(message: Json) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    threading.Thread(target=read, daemon=True).start()
    versions = {one.__name__: one.__version__ for one in (gliner, transformers, torch)}
    tell({"ok": True, **versions, "device": device()})
    try:
        Session().serve(requests, tell)
    except BaseException:  # noqa: BLE001 (whatever it is, this process ends)
        traceback.print_exc()
        os._exit(1)  # the thread that reads would hold up an ordinary end


if __name__ == "__main__":
    main()
