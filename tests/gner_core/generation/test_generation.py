"""Free decoding on tiny models of both families, against transformers' own generate."""

from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from gner_core.backbones.encoder import Encoder
from gner_core.backbones.load import load_model, load_tokenizer
from gner_core.config.systems.any import DecodeParams
from gner_core.config.systems.gner import GnerSystem
from gner_core.errors import InputError
from gner_core.generation.free.answerer import Answerer
from gner_core.generation.free.answers import Call, Way
from gner_core.generation.free.batches import FreeGenerator
from gner_core.generation.guided.decoding import GuidedAnswer, GuidedGenerator, GuidedQuery
from gner_core.generation.job import TOO_LONG, GenerateRequest
from gner_core.generation.tagging import TaggingJob
from gner_core.generation.worker import work
from gner_core.matching.back_tokenization import BackTokens, from_file
from gner_core.records import Sentence, read_predictions, write_sentences
from gner_core.runtime.worker import REQUEST
from gner_core.systems.gner.targets import BIO, target
from gner_core.systems.naming import retagged
from tests.gner_core.conftest import TinyModel


def silent(*_: Any, **__: Any) -> None:
    return


@pytest.mark.parametrize(("way", "beams"), [("shared", 1), ("transformers", 1), ("shared", 3)])
def test_batches_with_a_shared_prefix_equal_one_prompt_at_a_time(
    tiny_model: TinyModel, news: list[Sentence], way: Way, beams: int
) -> None:
    encoder = Encoder(load_tokenizer(tiny_model.folder), tiny_model.backbone, BIO)
    model = load_model(tiny_model.folder, tiny_model.backbone, dtype="float32").eval()
    sources = encoder.prompts([(s.words, s.types) for s in news[:6]])
    answerer = Answerer(model, encoder, beams=beams, batch=4, way=way)
    calls = [[Call(source, 24)] for source in sources]
    answers = answerer(calls, common=encoder.stem(None))
    model.set_attn_implementation("sdpa")
    for source, (answer,) in zip(sources, answers, strict=True):
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
    alone = generator(sources[:1], [5])[0]
    beside = generator(sources, [5, 20])[0]
    assert alone == beside
    assert not alone.finished


def test_answers_with_beams_do_not_depend_on_the_budgets_of_other_prompts(
    tiny_model: TinyModel, news: list[Sentence]
) -> None:
    encoder = Encoder(load_tokenizer(tiny_model.folder), tiny_model.backbone, BIO)
    model = load_model(tiny_model.folder, tiny_model.backbone, dtype="float32")
    sources = encoder.prompts([(s.words, s.types) for s in news[:9]])
    budgets = [6, 12, 40] * 3
    generator = FreeGenerator(model, encoder, beams=4)
    together = generator(sources, budgets)
    rows = zip(sources, budgets, strict=True)
    assert together == [generator([source], [budget])[0] for source, budget in rows]


def test_no_right_answer_is_over_its_budget(tiny_model: TinyModel) -> None:
    """The type with the most tokens counts, which need not be the one with the most letters."""
    encoder = Encoder(load_tokenizer(tiny_model.folder), tiny_model.backbone, BIO)
    words, types = ("New", "York", "City"), ("person", "location", "XQZ")
    for label in types:
        tags = [f"B-{label}", f"I-{label}", f"I-{label}"]
        assert encoder.budget(words, types, 10) >= encoder.target_length(words, tags)


@pytest.mark.parametrize("mode", ["free", "guided"])
def test_a_sentence_without_types_has_no_entities(
    tiny_llama: TinyModel, news: list[Sentence], tmp_path: Path, mode: Literal["free", "guided"]
) -> None:
    plain = Sentence("plain", "open", ("it", "rains"), ("O", "O"), ())
    work(asked(tiny_llama, [news[0], plain], tmp_path, batch=2, mode=mode), silent)
    _, found = read_predictions(tmp_path / "out" / "predictions.parquet")
    assert found.skipped is None
    if mode == "guided":
        assert (found.decided, found.probabilities) == (("O", "O"), (1.0, 1.0))


def asked(
    model: TinyModel,
    sentences: list[Sentence],
    place: Path,
    *,
    batch: int,
    mode: Literal["free", "guided"] = "free",
    processes: int = 1,
) -> GenerateRequest:
    for folder in ("out", "scratch"):
        (place / folder).mkdir(parents=True, exist_ok=True)
    write_sentences(place / "s.parquet", sentences)
    return GenerateRequest(
        output=str(place / "out"),
        scratch=str(place / "scratch"),
        threads=1,
        backbone=model.backbone,
        system=GnerSystem.writing(BIO),
        decode=DecodeParams(mode=mode, beams=1, too_long="skip", seed=1),
        model=str(model.folder),
        sentences=str(place / "s.parquet"),
        batch=batch,
        batch_tokens=100_000,
        processes=processes,
        exact=False,
    )


@pytest.mark.parametrize("mode", ["free", "guided"])
def test_a_killed_generation_goes_on_and_the_result_is_the_same(
    tiny_model: TinyModel, news: list[Sentence], tmp_path: Path, mode: Literal["free", "guided"]
) -> None:
    sentences = news[:10]
    work(asked(tiny_model, sentences, tmp_path / "whole", batch=3, mode=mode), silent)

    def die(done: int, *_: Any, **__: Any) -> None:
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(asked(tiny_model, sentences, tmp_path / "broken", batch=3, mode=mode), die)
    result = work(asked(tiny_model, sentences, tmp_path / "broken", batch=3, mode=mode), silent)
    assert result["summary"]["resumed_from"] == 6
    one = read_predictions(tmp_path / "whole" / "out" / "predictions.parquet")
    two = read_predictions(tmp_path / "broken" / "out" / "predictions.parquet")
    assert one == two
    assert [p.id for p in one] == [s.id for s in sentences]


def test_types_are_shuffled_by_sentence_or_as_the_corpus_lists_them(
    tiny_llama: TinyModel, news: list[Sentence], tmp_path: Path
) -> None:
    orders = []
    for order in ("shuffled", "listed"):
        request = asked(tiny_llama, news, tmp_path, batch=8)
        decode = request.decode.model_copy(update={"type_order": order})
        job = TaggingJob(request.model_copy(update={"decode": decode}), request.system)
        orders.append(job.types)
    assert orders[1] == [s.types for s in news]
    assert orders[0] != orders[1]
    assert [sorted(types) for types in orders[0]] == [sorted(s.types) for s in news]


@pytest.mark.parametrize("mode", ["free", "guided"])
def test_prompts_and_labels_have_other_names_of_types_and_entities_have_ours(
    tiny_llama: TinyModel, news: list[Sentence], tmp_path: Path, mode: Literal["free", "guided"]
) -> None:
    names = {"person": "human", "location": "spot"}
    (tmp_path / "names.yaml").write_text("".join(f"{a}: {b}\n" for a, b in names.items()))
    system = GnerSystem.writing(BIO).calling(str(tmp_path / "names.yaml"))
    request = asked(tiny_llama, news[:4], tmp_path, batch=4, mode=mode)
    request = request.model_copy(update={"system": system})
    job = TaggingJob(request, system)
    for ids, ours in zip(job.sources, job.types, strict=True):
        asked_for = ", ".join(names.get(kind, kind) for kind in ours)
        assert f"entity tags: {asked_for} and O." in job.encoder.decode(ids)
    work(request, silent)
    for found in read_predictions(tmp_path / "out" / "predictions.parquet"):
        assert {*found.types} == {*news[0].types}
        if found.decided:
            theirs = retagged(found.decided, names)
            assert found.text == target(found.words, theirs, BIO)
            assert not {tag[2:] for tag in found.decided} & {*names.values()}


@pytest.mark.slow
def test_two_processes_write_what_one_writes_and_report_what_is_new(
    tiny_llama: TinyModel, news: list[Sentence], tmp_path: Path
) -> None:
    found = []
    reported: list[tuple[int, float]] = []
    for processes in (1, 2):
        place = tmp_path / str(processes)
        request = asked(tiny_llama, news, place, batch=4, mode="guided", processes=processes)
        (place / "scratch" / REQUEST).write_text(request.model_dump_json())
        reported.clear()
        work(request, lambda done, total, share: reported.append((done, share)))
        found.append(read_predictions(place / "out" / "predictions.parquet"))
    assert found[0] == found[1]
    assert reported == sorted(set(reported))
    assert all(share < done / len(news) for done, share in reported[1:-1])  # short ones come first
    assert reported[0] == (0, 0.0)
    assert reported[-1] == (len(news), pytest.approx(1, abs=0.05))
    assert all(p.decided and p.probabilities for p in found[0])


def test_memory_that_runs_out_halves_the_batch(
    tiny_model: TinyModel,
    news: list[Sentence],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work(asked(tiny_model, news[:6], tmp_path / "whole", batch=6, mode="guided"), silent)
    plain = GuidedGenerator.__call__

    def small(self: GuidedGenerator, queries: list[GuidedQuery]) -> list[GuidedAnswer]:
        if len(queries) > 2:
            raise torch.OutOfMemoryError
        return plain(self, queries)

    monkeypatch.setattr(GuidedGenerator, "__call__", small)
    work(asked(tiny_model, news[:6], tmp_path / "small", batch=6, mode="guided"), silent)
    one, two = (
        read_predictions(tmp_path / name / "out" / "predictions.parquet")
        for name in ("whole", "small")
    )
    assert [p.decided for p in one] == [p.decided for p in two]


def test_a_prompt_over_the_limit_is_an_error_where_the_params_say_so(
    tiny_model: TinyModel, news: list[Sentence], tmp_path: Path
) -> None:
    long = Sentence("news/7", "news", news[0].words * 90, news[0].tags * 90, news[0].types)
    request = asked(tiny_model, [long], tmp_path, batch=2)
    strict = request.decode.model_copy(update={"too_long": "error"})
    with pytest.raises(InputError, match=r"news/7: a prompt of .* set decode\.too_long: skip"):
        work(request.model_copy(update={"decode": strict}), silent)


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
