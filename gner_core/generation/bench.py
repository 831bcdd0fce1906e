"""Child process that measures one way of decoding: `python -m gner_core.generation.bench REQUEST.json`.

One batch is generated first as a warm-up; what was kept of its prompts is forgotten.
"""

import sys
import time
from pathlib import Path
from typing import Any

from gner_core.artifact_files import PREDICTIONS, SCORED
from gner_core.backbones.load import peak_memory_bytes
from gner_core.config.systems.gner import GnerSystem, MatchParams
from gner_core.generation.job import GenerateRequest
from gner_core.generation.tagging import TaggingJob
from gner_core.matching.modes import Matcher
from gner_core.records import Prediction, write_predictions
from gner_core.runtime.gpus import use_gpus
from gner_core.runtime.worker import Report, run_worker
from gner_core.scoring.scored import score, write_scored
from gner_core.systems.gner.targets import target


def work(request: GenerateRequest, report: Report) -> dict[str, Any]:
    """Generate for all sentences; write predictions and scored sentences, return the figures."""
    assert isinstance(request.system, GnerSystem)
    job = TaggingJob(request, request.system)
    total = sum(map(len, job.parts))
    report(0, total)
    passes: list[int] = []
    """The tokens of each."""
    job.decoder.register_forward_pre_hook(lambda _, given: passes.append(given[0].numel()))
    loaded = peak_memory_bytes()
    job.answer(job.parts[0])
    job.forget()
    passes.clear()
    done: dict[int, Prediction] = {}
    sentence_passes = 0
    started = time.perf_counter()
    for part in job.parts:
        before = len(passes)
        done.update(zip(part, job.answer(part), strict=True))
        sentence_passes += (len(passes) - before) * len(part)  # every sentence takes part
        report(len(done), total)
    seconds = time.perf_counter() - started
    predictions = [done[index] for index in sorted(done)]
    output = Path(request.output)
    write_predictions(output / PREDICTIONS, predictions)
    match = MatchParams(mode="gner", back_tokenization=True)
    matcher = Matcher(match, request.system.target, back=job.back_tokens().changed)
    scored = [score(prediction, matcher) for prediction in predictions]
    write_scored(output / SCORED, scored)
    words = sum(len(prediction.words) for prediction in predictions)
    return {
        "figures": {
            "parameters": request.backbone.parameters,
            "sentences": len(predictions),
            "skipped": len(job.sentences) - len(predictions),
            "words": words,
            "seconds": seconds,
            "passes_per_word": sentence_passes / words,
            "tokens_per_word": sum(passes) / words,
            "memory_bytes": peak_memory_bytes(),
            "memory_for_model": loaded,
            "cut_off": sum(not prediction.finished for prediction in predictions),
            "copies": [
                prediction.finished and prediction.text == _copy(job, prediction, one.predicted)
                for prediction, one in zip(predictions, scored, strict=True)
            ],
        }
    }


def _copy(job: TaggingJob, prediction: Prediction, tags: tuple[str, ...]) -> str:
    """Return the well-formed text of these tags as the tokenizer writes it."""
    text = target(prediction.words, tags, job.encoder.form)
    if prediction.decided:
        return text
    return job.encoder.decode(job.encoder.tokenizer(text, add_special_tokens=False)["input_ids"])


def start(request: GenerateRequest, report: Report) -> dict[str, Any]:
    """Measure on a GPU that nobody else uses, where there is one."""
    use_gpus(1, purpose="gner bench generate")
    return work(request, report)


def main(path: str) -> None:
    """Run as a worker: `path` is the request file."""
    run_worker(path, GenerateRequest, start)


if __name__ == "__main__":
    main(sys.argv[1])
