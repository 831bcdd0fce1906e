"""Child process that measures one way in which prompts of a text system run.

`python -m gner_core.generation.texts.bench REQUEST.json`. One sentence is generated first as a warm-up.
"""

import sys
import time
from typing import Any

from gner_core.backbones.load import peak_memory_bytes
from gner_core.backbones.number_format import number_format
from gner_core.config.systems.base import TextSystemParams
from gner_core.errors import InputError
from gner_core.generation.free.answers import Way
from gner_core.generation.job import GenerateRequest
from gner_core.generation.texts.job import TextJob
from gner_core.records import Answered
from gner_core.runtime.gpus import use_gpus
from gner_core.runtime.worker import Report, run_worker


class BenchRequest(GenerateRequest):
    """A generation that is measured."""

    way: Way


def work(request: BenchRequest, report: Report) -> dict[str, Any]:
    """Generate for all sentences; return the figures, with the answers themselves.

    Raises:
        InputError: where all sentences are over the limits.
    """
    assert isinstance(request.system, TextSystemParams)
    job = TextJob(request, request.system, way=request.way)
    if not job.parts:
        raise InputError(f"{request.sentences}: all sentences are over the backbone's limits")
    total = sum(map(len, job.parts))
    report(0, total)
    job.answer(job.parts[0][:1])
    done: dict[int, Answered] = {}
    started = time.perf_counter()
    for part in job.parts:
        done.update(zip(part, job.answer(part), strict=True))
        report(len(done), total)
    seconds = time.perf_counter() - started
    answers = [done[index] for index in sorted(done)]
    return {
        "figures": {
            "sentences": len(answers),
            "calls": sum(len(one.outputs) for one in answers),
            "prompt_tokens": sum(one.read for one in answers),
            "answer_tokens": sum(one.written for one in answers),
            "seconds": seconds,
            "computed_in": number_format(request.backbone, exact=request.exact),
            "memory_bytes": peak_memory_bytes(),
            "outputs": [one.outputs for one in answers],
        }
    }


def start(request: BenchRequest, report: Report) -> dict[str, Any]:
    """Measure on a GPU that nobody else uses, where there is one."""
    use_gpus(1, purpose="gner bench generate")
    return work(request, report)


def main(path: str) -> None:
    """Run as a worker: `path` is the request file."""
    run_worker(path, BenchRequest, start)


if __name__ == "__main__":
    main(sys.argv[1])
