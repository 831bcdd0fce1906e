"""Child process that generates: `python -m gner_core.generation.worker REQUEST.json`.

Owns sorting by length, finished parts on disk (a run that was killed goes on behind the last
part) and the order of the result, which is that of the input.

The output folder gets `predictions.parquet`, `back_tokenization.json` (lower-cased source word
or type → what the tokenizer gives back, where the two differ) and `summary.json`.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import torch

from gner_core.backbones.encode import Encoder
from gner_core.backbones.load import device, load_model, load_tokenizer
from gner_core.backtokens import BackTokens
from gner_core.generation.free import Ask, FreeGenerator
from gner_core.params import BackboneParams, DecodeParams, TargetForm
from gner_core.records import (
    Prediction,
    Sentence,
    read_predictions,
    read_sentences,
    write_predictions,
)
from gner_core.schemas.prompts import shuffled
from gner_core.worker import Report, Request, run_worker

TOO_LONG = "prompt over the token limit"


class GenerateRequest(Request):
    """What the child process is asked for."""

    backbone: BackboneParams
    target: TargetForm
    decode: DecodeParams
    model: str
    """Folder of the checkpoint."""
    sentences: str
    """Parquet file of the sentences."""
    batch: int


def work(request: GenerateRequest, report: Report) -> dict[str, Any]:
    """Generate for all sentences and fill the output folder; return the summary."""
    started = time.monotonic()
    if request.threads:
        torch.set_num_threads(request.threads)
    encoder = Encoder(load_tokenizer(Path(request.model)), request.backbone, request.target)
    sentences = read_sentences(Path(request.sentences))
    parts = Path(request.scratch) / "parts"
    parts.mkdir(exist_ok=True)
    done = {p.id: p for file in sorted(parts.glob("*.parquet")) for p in read_predictions(file)}
    resumed = len(done)
    todo = [sentence for sentence in sentences if sentence.id not in done]
    report(len(done), len(sentences))
    for part in _predict(todo, request, encoder):
        _keep(part, parts)
        done.update((prediction.id, prediction) for prediction in part)
        report(len(done), len(sentences))
    output = Path(request.output)
    write_predictions(output / "predictions.parquet", [done[s.id] for s in sentences])
    back = BackTokens(encoder.round_trip)
    back.learn(text for sentence in sentences for text in (*sentence.words, *sentence.types))
    (output / "back_tokenization.json").write_text(json.dumps(back.changed, ensure_ascii=False))
    summary = {
        "sentences": len(sentences),
        "cut_off": sum(not p.finished and p.skipped is None for p in done.values()),
        "skipped": sum(p.skipped is not None for p in done.values()),
        "resumed_from": resumed,
        "seconds_this_attempt": round(time.monotonic() - started, 1),
    }
    (output / "summary.json").write_text(json.dumps(summary, indent=1))
    return {"summary": summary}


def _predict(
    sentences: list[Sentence], request: GenerateRequest, encoder: Encoder
) -> Iterator[list[Prediction]]:
    """Yield predictions batch by batch, sentences of like length together."""
    if not sentences:
        return
    dtype = request.backbone.dtype if torch.cuda.is_available() else "float32"
    model = load_model(Path(request.model), request.backbone, dtype=dtype).to(device())
    generator = FreeGenerator(model, encoder, beams=request.decode.beams)
    types = [
        shuffled(s.types, seed=request.decode.seed, epoch=0, sentence_id=s.id) for s in sentences
    ]
    sources = encoder.prompts((s.words, t) for s, t in zip(sentences, types, strict=True))
    asks = [
        Ask(source, encoder.budget(s.words, t, len(source)))
        for s, t, source in zip(sentences, types, sources, strict=True)
    ]
    order = sorted(range(len(sentences)), key=lambda i: (asks[i].budget, len(sources[i])))
    for start in range(0, len(order), request.batch):
        chosen = order[start : start + request.batch]
        able = [i for i in chosen if asks[i].budget]
        answers = dict(zip(able, generator([asks[i] for i in able]), strict=True)) if able else {}
        part = []
        for i in chosen:
            s, answer = sentences[i], answers.get(i)
            text, finished = (answer.text, answer.finished) if answer else ("", False)
            skipped = None if answer else TOO_LONG
            part.append(
                Prediction(s.id, s.corpus, s.words, s.tags, types[i], text, finished, skipped)
            )
        yield part


def _keep(part: list[Prediction], folder: Path) -> None:
    """Write one finished part aside and rename it."""
    name = next(n for n in count() if not (folder / f"{n:06d}.parquet").exists())
    aside = folder / f"{name:06d}.part"
    write_predictions(aside, part)
    os.replace(aside, folder / f"{name:06d}.parquet")


def main(path: str) -> None:
    """Run as a worker: `path` is the request file."""
    run_worker(path, GenerateRequest, work)


if __name__ == "__main__":
    main(sys.argv[1])
