"""Free decoding on tiny models of both families, against transformers' own generate."""

from pathlib import Path
from typing import Any

import pytest
import torch

from gner_core.backbones.encode import Encoder
from gner_core.backbones.load import load_model, load_tokenizer
from gner_core.backtokens import BackTokens, from_file
from gner_core.generation.free import Ask, FreeGenerator
from gner_core.generation.worker import TOO_LONG, GenerateRequest, work
from gner_core.params import DecodeParams
from gner_core.records import Sentence, read_predictions, write_sentences
from gner_core.schemas.targets import BIO
from tests.gner_core.conftest import TinyModel


def silent(*_: Any, **__: Any) -> None:
    return


@pytest.mark.parametrize("beams", [1, 3])
def test_batches_with_a_shared_prefix_equal_one_prompt_at_a_time(
    tiny_model: TinyModel, news: list[Sentence], beams: int
) -> None:
    encoder = Encoder(load_tokenizer(tiny_model.folder), tiny_model.backbone, BIO)
    model = load_model(tiny_model.folder, tiny_model.backbone, dtype="float32").eval()
    sources = encoder.prompts([(s.words, s.types) for s in news[:6]])
    asks = [Ask(source, 24) for source in sources]
    answers = FreeGenerator(model, encoder, beams=beams)(asks)
    for source, answer in zip(sources, answers, strict=True):
        plain = model.generate(
            torch.tensor([source]),
            attention_mask=torch.ones(1, len(source), dtype=torch.long),
            max_new_tokens=24,
            num_beams=beams,
            do_sample=False,
            pad_token_id=0,
            eos_token_id=1,
        )[0].tolist()
        cut = 1 if tiny_model.backbone.family == "encoder_decoder" else len(source)
        assert answer.text == encoder.decode(plain[cut:])


def test_a_row_stops_at_its_own_budget(tiny_model: TinyModel, news: list[Sentence]) -> None:
    encoder = Encoder(load_tokenizer(tiny_model.folder), tiny_model.backbone, BIO)
    model = load_model(tiny_model.folder, tiny_model.backbone, dtype="float32")
    sources = encoder.prompts([(s.words, s.types) for s in news[:2]])
    generator = FreeGenerator(model, encoder, beams=1)
    alone = generator([Ask(sources[0], 5)])[0]
    beside = generator([Ask(sources[0], 5), Ask(sources[1], 20)])[0]
    assert alone == beside
    assert not alone.finished


def asked(model: TinyModel, sentences: list[Sentence], place: Path, batch: int) -> GenerateRequest:
    for folder in ("out", "scratch"):
        (place / folder).mkdir(parents=True, exist_ok=True)
    write_sentences(place / "s.parquet", sentences)
    return GenerateRequest(
        output=str(place / "out"),
        scratch=str(place / "scratch"),
        threads=1,
        backbone=model.backbone,
        target=BIO,
        decode=DecodeParams(mode="free", beams=1, seed=1),
        model=str(model.folder),
        sentences=str(place / "s.parquet"),
        batch=batch,
    )


def test_a_killed_generation_goes_on_and_the_result_is_the_same(
    tiny_model: TinyModel, news: list[Sentence], tmp_path: Path
) -> None:
    sentences = news[:10]
    work(asked(tiny_model, sentences, tmp_path / "whole", batch=5), silent)

    def die(done: int, *_: Any, **__: Any) -> None:
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(asked(tiny_model, sentences, tmp_path / "broken", batch=3), die)
    result = work(asked(tiny_model, sentences, tmp_path / "broken", batch=3), silent)
    assert result["summary"]["resumed_from"] == 6
    one = read_predictions(tmp_path / "whole" / "out" / "predictions.parquet")
    two = read_predictions(tmp_path / "broken" / "out" / "predictions.parquet")
    assert one == two
    assert [p.id for p in one] == [s.id for s in sentences]


def test_a_prompt_over_the_limit_is_skipped_and_counted(
    tiny_model: TinyModel, news: list[Sentence], tmp_path: Path
) -> None:
    long = Sentence("long", "news", news[0].words * 90, news[0].tags * 90, news[0].types)
    result = work(asked(tiny_model, [long, news[1]], tmp_path, batch=2), silent)
    assert result["summary"]["skipped"] == 1
    first, second = read_predictions(tmp_path / "out" / "predictions.parquet")
    assert (first.text, first.skipped) == ("", TOO_LONG)
    assert second.skipped is None


def test_back_tokenization_lists_only_words_that_change(
    shared: Path, tiny_model: TinyModel
) -> None:
    encoder = Encoder(load_tokenizer(shared / "tokenizers" / "t5"), tiny_model.backbone, BIO)
    words = ["Rome", "Antropología", "{", "antropología"]
    found = {}
    for round_trip in (encoder.round_trip, from_file(shared / "tokenizers" / "t5")):
        back = BackTokens(round_trip)
        back.learn(words[:2])
        back.learn(words)
        found[round_trip] = back.changed
    assert list(found.values()) == [{"antropología": "antropologa", "{": ""}] * 2
