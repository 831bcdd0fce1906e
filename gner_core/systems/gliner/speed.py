"""How fast GLiNER answers on this machine: `python -m gner_core.systems.gliner.speed REQUEST.json`.

Weights are random, in the shape of released checkpoints. They find next to nothing, which takes no
less time than what trained weights do; only the tokenizer differs, and so the number of tokens.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from gner_core.records import Sentence, read_sentences
from gner_core.runtime.gpus import use_gpus
from gner_core.runtime.worker import Report, Request, run_worker
from gner_core.systems.gliner.environment import command
from gner_core.systems.gliner.process import Child

FORMATS: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16")
DEBERTA = {
    "model_type": "deberta-v2",
    "vocab_size": 128_100,
    "relative_attention": True,
    "position_buckets": 256,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "max_relative_positions": -1,
    "type_vocab_size": 0,
    "layer_norm_eps": 1e-7,
}
"""What DeBERTa-v3 has in all sizes (He et al., 2023)."""
SIZES: dict[str, dict[str, int]] = {
    "medium": {
        "num_hidden_layers": 12,
        "hidden_size": 768,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
    },
    "large": {
        "num_hidden_layers": 24,
        "hidden_size": 1024,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
    },
}
"""The encoders of gliner_medium and gliner_large: DeBERTa-v3-base and -large."""
HEAD = {"hidden_size": 512, "max_width": 12, "max_len": 384, "span_mode": "markerV0"}
THRESHOLD = 0.9
"""Above what random weights give, so that no time goes into writing candidates."""


class SpeedRequest(Request):
    """A shape and the sentences that it answers."""

    environment: str
    """Folder of GLiNER's environment."""
    tokenizer: str
    """Folder of a model whose tokenizer is used: released ones are not at hand."""
    size: Literal["medium", "large"]
    sentences: str
    """Parquet file of the sentences."""
    batch: int
    """Sentences that are computed together."""


def work(request: SpeedRequest, report: Report) -> dict[str, Any]:
    """Return seconds for all sentences in each number format, and the number of weights."""
    sentences = read_sentences(Path(request.sentences))
    report(0, len(FORMATS))
    seconds = {}
    with Child(command(Path(request.environment))) as child:
        for done, dtype in enumerate(FORMATS, start=1):
            build = {
                "do": "random",
                "threads": request.threads,
                "seed": 1,
                "model": request.tokenizer,
                "causal": False,
                "shape": {**HEAD, "encoder_config": {**DEBERTA, **SIZES[request.size]}},
                "dtype": dtype,
                "output": None,
            }
            parameters = child.ask(build)["parameters"]
            _answer(child, sentences[: request.batch], request.batch)
            began = time.perf_counter()
            answers = _answer(child, sentences, request.batch)
            seconds[dtype] = time.perf_counter() - began
            report(done, len(FORMATS))
        skipped = sum("too_long" in answer for answer in answers)
        device = child.hello["device"]
    return {
        "figures": {
            "sentences": len(sentences),
            "skipped": skipped,
            "seconds": seconds,
            "parameters": parameters,
            "device": device,
        }
    }


def _answer(child: Child, sentences: Sequence[Sentence], batch: int) -> list[dict[str, Any]]:
    asked = [{"words": one.words, "types": one.types} for one in sentences]
    request = {"do": "answer", "sentences": asked, "threshold": THRESHOLD, "batch": batch}
    answers: list[dict[str, Any]] = child.ask(request)["answers"]
    return answers


def start(request: SpeedRequest, report: Report) -> dict[str, Any]:
    """Measure on a GPU that nobody else uses, where there is one."""
    use_gpus(1, purpose="gner bench generate")
    return work(request, report)


def main(path: str) -> None:
    """Run as a worker: `path` is the request file."""
    run_worker(path, SpeedRequest, start)


if __name__ == "__main__":
    main(sys.argv[1])
