"""Generation for text systems on tiny models: shared beginnings, turns, limits, resumed parts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gner_core.backbones.load import load_model, load_tokenizer
from gner_core.backbones.text_encoder import TextEncoder
from gner_core.config.systems.any import ComparedSystem, DecodeParams
from gner_core.config.systems.gollie import GollieSystem
from gner_core.config.systems.instructuie import InstructUieSystem
from gner_core.config.systems.uniner import UninerSystem
from gner_core.errors import InputError
from gner_core.generation.free.answers import Call, Way
from gner_core.generation.free.greedy import GreedyGenerator
from gner_core.generation.job import TOO_LONG, GenerateRequest
from gner_core.generation.texts.job import TextJob
from gner_core.generation.worker import work
from gner_core.records import Answered, Sentence, read_answers, write_sentences
from gner_core.systems.uniner.system import UniNer
from tests.gner_core.conftest import TinyModel

COMMON: dict[str, Any] = {"type_names": None, "answer_tokens": 12, "faithful": False}
UNINER = UninerSystem(kind="uniner", style="type", ask="each", definitions=None, **COMMON)
GOLLIE = GollieSystem(
    kind="gollie",
    guidelines="none",
    guidelines_file=None,
    order="sorted",
    masking=(),
    dropout=0.0,
    **COMMON,
)
INSTRUCTUIE = InstructUieSystem(
    kind="instructuie", wording=1, dataset=None, auxiliary=0.0, **COMMON
)


def silent(*_: Any, **__: Any) -> None:
    return


def asked(
    model: TinyModel,
    sentences: Sequence[Sentence],
    place: Path,
    system: ComparedSystem,
    *,
    batch: int = 4,
    too_long: str = "skip",
) -> GenerateRequest:
    for folder in ("out", "scratch"):
        (place / folder).mkdir(parents=True, exist_ok=True)
    write_sentences(place / "s.parquet", sentences)
    return GenerateRequest(
        output=str(place / "out"),
        scratch=str(place / "scratch"),
        threads=1,
        backbone=model.backbone,
        system=system,
        decode=DecodeParams.model_validate(
            {"mode": "free", "beams": 1, "too_long": too_long, "seed": 1}
        ),
        model=str(model.folder),
        sentences=str(place / "s.parquet"),
        batch=batch,
        batch_tokens=100_000,
        processes=1,
        exact=False,
    )


@pytest.mark.parametrize("system", [UNINER, GOLLIE], ids=lambda system: system.kind)
def test_shared_beginnings_give_the_answers_of_whole_prompts(
    tiny_llama: TinyModel, news: list[Sentence], tmp_path: Path, system: ComparedSystem
) -> None:
    found: dict[Way, list[Answered]] = {}
    ways: tuple[Way, ...] = ("transformers", "each", "shared")
    for way in ways:
        job = TextJob(asked(tiny_llama, news[:5], tmp_path / way, system), system, way=way)
        found[way] = [answer for part in job.parts for answer in job.answer(part)]
    assert found["shared"] == found["each"] == found["transformers"]
    assert all(any(answer.outputs) for answer in found["shared"])


def test_what_prompts_share_runs_through_the_model_once(
    tiny_llama: TinyModel, news: list[Sentence], tmp_path: Path
) -> None:
    job = TextJob(asked(tiny_llama, news[:4], tmp_path, UNINER), UNINER)
    fed: list[int] = []
    job.decoder.register_forward_pre_hook(lambda _, given: fed.append(given[0].numel()))
    answers = job.answer([0, 1, 2, 3])
    whole = sum(answer.read for answer in answers)
    assert sum(fed) < whole / 2 + sum(answer.written for answer in answers)


def test_rows_end_at_their_own_budget_and_at_the_end_token(
    tiny_llama: TinyModel, news: list[Sentence]
) -> None:
    encoder = TextEncoder(load_tokenizer(tiny_llama.folder), tiny_llama.backbone)
    model = load_model(tiny_llama.folder, tiny_llama.backbone, dtype="float32")
    prompts = encoder.prompts([" ".join(s.words) for s in news[:4]])
    generate = GreedyGenerator(model, encoder, shares=True)
    budgets = [2, 9, 5, 7]
    calls = [Call(row, budget) for row, budget in zip(prompts, budgets, strict=True)]
    together = generate([calls[:1], calls[1:]], common=[])
    alone = [generate([[call]], common=[])[0][0] for call in calls]
    assert [answer for group in together for answer in group] == alone
    assert [answer.tokens for answer in alone] == budgets


def test_the_turns_of_a_conversation_go_on_after_its_answers(
    tiny_llama: TinyModel, news: list[Sentence], tmp_path: Path
) -> None:
    system = UNINER.model_copy(update={"ask": "conversation"})
    job = TextJob(asked(tiny_llama, news[:2], tmp_path, system), system)
    answers = [answer for part in job.parts for answer in job.answer(part)]
    for answer in answers:
        assert len(answer.outputs) == len(answer.types) == len(answer.finished)
    first, (one, other, *_) = (
        answers[0],
        job.questions.system.queries(answers[0].words, answers[0].types),
    )
    whole = f"{one.prompt}{first.outputs[0]}{other.prompt}"
    (prompt,) = job.encoder.prompts([whole])
    generate = GreedyGenerator(job.model, job.encoder, shares=False)
    assert generate([[Call(prompt, 12)]], common=[])[0][0].text == first.outputs[1]


def test_a_killed_generation_goes_on_and_the_answers_are_the_same(
    tiny_model: TinyModel, news: list[Sentence], tmp_path: Path
) -> None:
    whole = work(asked(tiny_model, news[:8], tmp_path / "whole", INSTRUCTUIE, batch=2), silent)
    assert whole["summary"]["calls"] == 8
    assert whole["summary"]["prompt_tokens"] > 8 * whole["summary"]["answer_tokens"] / 12

    def die(done: int, *_: Any, **__: Any) -> None:
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(asked(tiny_model, news[:8], tmp_path / "broken", INSTRUCTUIE, batch=2), die)
    result = work(asked(tiny_model, news[:8], tmp_path / "broken", INSTRUCTUIE, batch=2), silent)
    assert result["summary"]["resumed_from"] == 4
    one, two = (
        read_answers(tmp_path / name / "out" / "answers.parquet") for name in ("whole", "broken")
    )
    assert one == two
    assert [answer.id for answer in one] == [sentence.id for sentence in news[:8]]


def test_sentences_over_the_limits_are_skipped_and_counted_or_an_error(
    tiny_llama: TinyModel, news: list[Sentence], tmp_path: Path
) -> None:
    long = Sentence("long", "news", ("word",) * 700, ("O",) * 700, ("person",))
    result = work(asked(tiny_llama, [news[0], long], tmp_path, INSTRUCTUIE), silent)
    assert result["summary"]["skipped"] == 1
    answers = read_answers(tmp_path / "out" / "answers.parquet")
    assert (answers[1].skipped, answers[1].outputs) == (TOO_LONG, ())
    with pytest.raises(InputError, match=r"long: a prompt of .* leaves no room for an answer"):
        TextJob(asked(tiny_llama, [long], tmp_path, INSTRUCTUIE, too_long="error"), INSTRUCTUIE)


@pytest.mark.parametrize("system", [UNINER, GOLLIE, INSTRUCTUIE], ids=lambda system: system.kind)
def test_nothing_is_asked_about_a_sentence_without_types(
    tiny_llama: TinyModel, news: list[Sentence], tmp_path: Path, system: ComparedSystem
) -> None:
    plain = Sentence("plain", "open", ("it", "rains"), ("O", "O"), ())
    result = work(asked(tiny_llama, [news[0], plain], tmp_path, system), silent)
    assert result["summary"]["skipped"] == 0
    answers = read_answers(tmp_path / "out" / "answers.parquet")
    assert answers[0].outputs
    assert (answers[1].skipped, answers[1].outputs) == (None, ())


@pytest.mark.parametrize("beams", [1, 2])
def test_a_conversation_ends_where_no_answer_fits(
    tiny_llama: TinyModel, tmp_path: Path, beams: int
) -> None:
    system = UNINER.model_copy(update={"ask": "conversation"})
    types = tuple(f"type {number}" for number in range(8))
    sentence = Sentence("s", "open", ("it", "rains"), ("O", "O"), types)
    request = asked(tiny_llama, [sentence], tmp_path, system)
    first = len(TextJob(request, system).questions.prompts([(sentence.words, types)])[0][0])
    short = {"max_source_tokens": first + 3 * 12, "max_target_tokens": first + 3 * 12}
    decode = request.decode.model_copy(update={"beams": beams})
    backbone = request.backbone.model_copy(update=short)
    work(request.model_copy(update={"backbone": backbone, "decode": decode}), silent)
    (answer,) = read_answers(tmp_path / "out" / "answers.parquet")
    assert 1 <= len(answer.outputs) < len(types)
    unread = UniNer(system).read(sentence.words, types, answer.outputs).unread
    assert unread[-1] == "type 7: no answer"
