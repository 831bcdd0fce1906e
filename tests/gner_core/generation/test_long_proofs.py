"""Longer proofs of generation, in processes of their own: kills, memory."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gner_core.backbones.encoder import Encoder
from gner_core.backbones.importing import import_backbone
from gner_core.backbones.load import load_tokenizer
from gner_core.config.backbone import BackboneParams
from gner_core.config.systems.any import DecodeParams
from gner_core.config.systems.gner import GnerSystem
from gner_core.generation.job import GenerateRequest
from gner_core.generation.parts import kept
from gner_core.records import Sentence, read_predictions, write_sentences
from gner_core.runtime.worker import REQUEST, RESULT
from gner_core.systems.gner.targets import BIO
from tests.gner_core.conftest import TinyModel

pytestmark = pytest.mark.slow


def prepared(
    place: Path, model: Path, backbone: BackboneParams, sentences: list[Sentence], *, mode: str
) -> Path:
    for folder in ("out", "scratch"):
        (place / folder).mkdir(parents=True)
    write_sentences(place / "s.parquet", sentences)
    request = GenerateRequest(
        output=str(place / "out"),
        scratch=str(place / "scratch"),
        threads=1,
        backbone=backbone,
        system=GnerSystem.writing(BIO),
        decode=DecodeParams.model_validate(
            {"mode": mode, "beams": 1, "too_long": "error", "seed": 1}
        ),
        model=str(model),
        sentences=str(place / "s.parquet"),
        batch=16,
        batch_tokens=1_000_000,
        processes=1,
        exact=False,
    )
    (place / "scratch" / REQUEST).write_text(request.model_dump_json())
    return place


def start(place: Path, module: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", module, str(place / "scratch" / REQUEST)]
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})


def test_2000_sentences_with_kills_are_what_they_are_without(
    tiny_model: TinyModel, news: list[Sentence], tmp_path: Path
) -> None:
    sentences = [
        Sentence(f"{s.id}/{n}", s.corpus, s.words, s.tags, s.types) for n in range(84) for s in news
    ][:2000]
    worker = "gner_core.generation.worker"
    model = (tiny_model.folder, tiny_model.backbone, sentences)
    whole = prepared(tmp_path / "whole", *model, mode="guided")
    assert start(whole, worker).wait() == 0
    broken = prepared(tmp_path / "broken", *model, mode="guided")
    parts = broken / "scratch" / "parts"
    draw = random.Random(1)
    for share in sorted(draw.uniform(0.02, 0.95) for _ in range(4)):
        process = start(broken, worker)
        while (
            len(kept(parts, read=read_predictions)) < share * len(sentences)
            and process.poll() is None
        ):
            time.sleep(0.01)
        before = {file.name: file.stat().st_mtime_ns for file in parts.glob("*.parquet")}
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert before
    last = start(broken, worker)
    assert last.wait() == 0
    after = {file.name: file.stat().st_mtime_ns for file in parts.glob("*.parquet")}
    assert all(after[name] == made for name, made in before.items())  # nothing finished is repeated
    name = "out/predictions.parquet"
    assert (broken / name).read_bytes() == (whole / name).read_bytes()
    assert len(read_predictions(broken / name)) == 2000


@pytest.mark.parametrize("architecture", ["t5", "llama"])
def test_guided_decoding_takes_hardly_more_memory_than_free(
    news: list[Sentence], tmp_path: Path, architecture: str
) -> None:
    """A sentence of 640 tokens with 20 types, 16 side by side; free may write as much as guided."""
    backbone = BackboneParams.model_validate(
        {
            "name": "random",
            "parameters": 1,
            "family": "encoder_decoder" if architecture == "t5" else "decoder_only",
            "source": {
                "kind": "random",
                "architecture": architecture,
                "hidden": 256,
                "layers": 2,
                "vocabulary": 800,
                "seed": 1,
            },
            "prompt_before": "",
            "prompt_after": " ",
            "max_source_tokens": 8000,
            "max_target_tokens": 8000,
            "dtype": "float32",
        }
    )
    model = tmp_path / "model"
    model.mkdir()
    texts = [" ".join(s.words) for s in news]
    import_backbone(backbone, folder=model, texts=texts)
    words = tuple(word for s in news for word in s.words)
    words = words[: 640 * len(words) // _tokens(model, words)]
    types = tuple("abcdefghijklmnopqrst")
    sentences = [
        Sentence(f"long/{n}", "long", words, ("O",) * len(words), types) for n in range(16)
    ]
    backbone = backbone.model_copy(update=_limits(model, backbone, words, types))
    taken = {}
    for mode in ("free", "guided"):
        place = prepared(tmp_path / mode, model, backbone, sentences, mode=mode)
        assert start(place, "gner_core.generation.bench").wait() == 0
        figures = json.loads((place / "scratch" / RESULT).read_text())["figures"]
        taken[mode] = figures["memory_bytes"] - figures["memory_for_model"]
    assert taken["guided"] < 1.5 * taken["free"]


def _limits(
    model: Path, backbone: BackboneParams, words: tuple[str, ...], types: tuple[str, ...]
) -> dict[str, int]:
    """Limits that the prompt and the sentence without entities just keep, in any order of types."""
    encoder = Encoder(load_tokenizer(model), backbone, BIO)
    (prompt,) = encoder.prompts([(words, types)])
    source, written = len(prompt) + 10, encoder.target_length(words, ["O"] * len(words))
    total = source + (written if backbone.family == "decoder_only" else 0)
    return {"max_source_tokens": total, "max_target_tokens": written}


def _tokens(model: Path, words: tuple[str, ...]) -> int:
    return len(load_tokenizer(model)(" ".join(words), add_special_tokens=False)["input_ids"])
