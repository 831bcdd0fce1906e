"""Child process that generates: `python -m gner_core.generation.worker REQUEST.json`.

A run that was killed repeats no finished batch.

The output folder gets `predictions.parquet`, `back_tokenization.json` (lower-cased source word
or type → what the tokenizer gives back, where the two differ) and `summary.json`.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from gner_core.backbones.number_format import number_format
from gner_core.errors import InputError
from gner_core.generation.job import GenerateRequest, Job
from gner_core.generation.parts import keep_part, kept, progress_of
from gner_core.records import write_predictions
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
    job = Job(request)
    folder = Path(request.scratch) / PARTS
    folder.mkdir(exist_ok=True)
    resumed = report_parts(job, folder, report)
    if request.processes == 1:
        share(job, folder, report, rank=0)
    else:
        _run_ranks(job, folder, report)
    done = kept(folder)
    predictions = [job.skipped(n) or done[s.id] for n, s in enumerate(job.sentences)]
    output = Path(request.output)
    write_predictions(output / "predictions.parquet", predictions)
    back = job.back_tokens().changed
    (output / "back_tokenization.json").write_text(json.dumps(back, ensure_ascii=False))
    summary = {
        "sentences": len(predictions),
        "cut_off": sum(not p.finished and p.skipped is None for p in predictions),
        "skipped": sum(p.skipped is not None for p in predictions),
        "resumed_from": resumed,
        COMPUTED_IN: number_format(request.backbone, exact=request.exact),
        "seconds_this_attempt": round(time.monotonic() - started, 1),
    }
    (output / "summary.json").write_text(json.dumps(summary, indent=1))
    return {"summary": summary}


def share(job: Job, folder: Path, report: Report, *, rank: int) -> None:
    """Generate the batches of one process that are not finished."""
    done = {*kept(folder)}
    for part in job.parts[rank :: job.request.processes]:
        left = [index for index in part if job.sentences[index].id not in done]
        if left:
            keep_part(folder, left, job.answer(left))
            report_parts(job, folder, report)


def report_parts(job: Job, folder: Path, report: Report) -> int:
    """Report the finished parts; return how many sentences they hold."""
    done, share = progress_of(folder, job.budgets)
    report(done, len(job.sentences), share=share)
    return done


def _run_ranks(job: Job, folder: Path, report: Report) -> None:
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
            raise InputError(json.loads(result.read_text())["error"])
    if any(codes):
        raise RuntimeError(f"processes of the generation ended with codes {codes}")


def _rank_work(request: GenerateRequest, _: Report) -> dict[str, Any]:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    join_gpus()
    folder = Path(request.scratch) / PARTS
    share(Job(request), folder, lambda *_, **__: None, rank=int(os.environ[RANK]))
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
