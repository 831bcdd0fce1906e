"""Child process that generates: `python -m gner_core.generation.worker REQUEST.json`.

A run that was killed repeats no finished batch.

The output folder gets `summary.json` and, of gner, `predictions.parquet` and
`back_tokenization.json`, of other systems `answers.parquet`.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from gner_core.artifact_files import SUMMARY
from gner_core.backbones.number_format import number_format
from gner_core.config.systems.base import TextSystemParams
from gner_core.config.systems.gliner import GlinerSystem
from gner_core.config.systems.gner import GnerSystem
from gner_core.errors import InputError
from gner_core.generation.gliner import GlinerJob
from gner_core.generation.job import GenerateRequest, Job
from gner_core.generation.parts import keep_part, kept, progress_of
from gner_core.generation.tagging import TaggingJob
from gner_core.generation.texts.job import TextJob
from gner_core.runtime.files import read_json, write_json
from gner_core.runtime.gpus import TAKEN, join_gpus, taken_gpus, use_gpus
from gner_core.runtime.machine import took_gpus
from gner_core.runtime.worker import COMPUTED_IN, REQUEST, Report, run_worker

PARTS = "parts"
RANK, RANK_RESULT = "GNER_GENERATION_RANK", "rank-{}.json"
POLL_SECONDS = 0.3


def start(request: GenerateRequest, report: Report) -> dict[str, Any]:
    """Generate on as many GPUs as there are processes, or on all that there are."""
    scratch = Path(request.scratch)
    purpose = "/".join(scratch.parts[-2:])  # the artifact
    took_gpus(scratch, use_gpus(request.processes, purpose=purpose, share=True))
    return work(request, report)


def work(request: GenerateRequest, report: Report) -> dict[str, Any]:
    """Generate for all sentences and fill the output folder; return the summary."""
    started = time.monotonic()
    job = job_of(request)
    folder = Path(request.scratch) / PARTS
    folder.mkdir(exist_ok=True)
    resumed = report_parts(job, folder, report)
    if request.processes == 1:
        share(job, folder, report, rank=0)
    else:
        _run_ranks(job, folder, report)
    done = kept(folder, read=job.read)
    records = [job.skipped(n) or done[s.id] for n, s in enumerate(job.sentences)]
    output = Path(request.output)
    summary = {
        **job.finish(output, records),
        "resumed_from": resumed,
        COMPUTED_IN: number_format(request.backbone, exact=request.exact),
        "seconds_this_attempt": round(time.monotonic() - started, 1),
    }
    write_json(output / SUMMARY, summary)
    return {"summary": summary}


def job_of(request: GenerateRequest) -> Job[Any]:
    """Return the job of a request, by its system.

    Raises:
        InputError: for an unusable tokenizer or system, and for sentences that are too long.
    """
    if isinstance(request.system, GnerSystem):
        return TaggingJob(request, request.system)
    if isinstance(request.system, GlinerSystem):
        return GlinerJob(request, request.system)
    assert isinstance(request.system, TextSystemParams)  # an endpoint has a worker of its own
    return TextJob(request, request.system)


def share(job: Job[Any], folder: Path, report: Report, *, rank: int) -> None:
    """Generate the batches of one process that are not finished."""
    done = {*kept(folder, read=job.read)}
    for part in job.parts[rank :: job.request.processes]:
        left = [index for index in part if job.sentences[index].id not in done]
        if left:
            keep_part(folder, left, job.answer(left), write=job.write)
            report_parts(job, folder, report)


def report_parts(job: Job[Any], folder: Path, report: Report) -> int:
    """Report the finished parts; return how many sentences they hold."""
    done, share = progress_of(folder, job.budgets)
    report(done, len(job.sentences), share=share)
    return done


def _run_ranks(job: Job[Any], folder: Path, report: Report) -> None:
    """Share the batches among several processes, each with a GPU of its own if there are any.

    Raises:
        InputError: with the message of a process that found a fault in the input.
        RuntimeError: when a process died; this process' log has its output.
    """
    request = job.request
    command = [sys.executable, "-m", "gner_core.generation.worker"]
    path = str(Path(request.scratch) / REQUEST)
    gpus = taken_gpus()
    ranks = []
    for rank in range(request.processes):
        gpu = {TAKEN: gpus[rank % len(gpus)]} if gpus else {}
        environment = {**os.environ, **gpu, RANK: str(rank)}
        process = subprocess.Popen([*command, path], stdin=subprocess.PIPE, env=environment)
        ranks.append(process)
    reported = len([*folder.glob("*.parquet")])
    try:
        while None in (codes := [process.poll() for process in ranks]) and not any(codes):
            time.sleep(POLL_SECONDS)
            if (files := len([*folder.glob("*.parquet")])) != reported:
                report_parts(job, folder, report)
                reported = files
    finally:
        for process in ranks:
            process.kill()
            process.wait()
    for rank, code in enumerate(codes):
        if code == 2:
            result = Path(request.scratch) / RANK_RESULT.format(rank)
            raise InputError(read_json(result)["error"])
    if any(codes):
        raise RuntimeError(f"processes of the generation ended with codes {codes}")


def _rank_work(request: GenerateRequest, _: Report) -> dict[str, Any]:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    join_gpus()
    folder = Path(request.scratch) / PARTS
    share(job_of(request), folder, lambda *_, **__: None, rank=int(os.environ[RANK]))
    return {}


def _end_with_parent() -> None:
    """Wait for the end of standard input, which comes however the parent ends."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


def main(path: str) -> None:
    """Run as a worker, or as one of its processes: `path` is the request file."""
    rank = os.environ.get(RANK)
    if rank is None:
        run_worker(path, GenerateRequest, start)
    run_worker(path, GenerateRequest, _rank_work, result_name=RANK_RESULT.format(rank))


if __name__ == "__main__":
    main(sys.argv[1])
