"""Checkpoints of systems beside gner find entities: by their own prompts, with nothing lost unseen."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import gner_core
from gner_core.backbones.load import load_model, load_tokenizer
from gner_core.backbones.text_encoder import TextEncoder
from gner_core.config.checkpoint import VERSION, Description, describe
from gner_core.config.reading.defaults import defaults
from gner_core.config.systems.any import System
from gner_core.config.systems.gliner import GlinerSystem
from gner_core.config.systems.own import OwnSystem
from gner_core.errors import InputError
from gner_core.generation.free.answers import Call, FreeAnswer
from gner_core.generation.job import GenerateRequest
from gner_core.generation.worker import work
from gner_core.predicting.entities import Entity
from gner_core.predicting.finders.texts import TextFinder
from gner_core.predicting.predictor import Predictor
from gner_core.records import Sentence, read_answers, write_sentences
from tests.gner_core.conftest import Family, TinyModel
from tests.gner_core.systems.params import gollie, instructuie, uniner

SHORT = {"answer_tokens": 12}
OWN = """
from gner_core.systems.instructuie.system import InstructUie
from gner_core.config.systems.instructuie import InstructUieSystem

class System(InstructUie):
    def __init__(self):
        super().__init__(InstructUieSystem(kind="instructuie", wording=1, dataset=None, auxiliary=0.0,
                                           type_names=None, answer_tokens=12, faithful=False))
"""
TEXT = "Ada  Lovelace flew to New York City."


def described(model: TinyModel, system: System) -> Description:
    return Description(
        version=VERSION, backbone=model.backbone, target=None, system=system, types=("person",)
    )


def answering(model: TinyModel, system: Any, answer: Callable[[str], str]) -> Predictor:
    """A predictor whose model answers by a rule on the text of a prompt, and ends each answer."""
    encoder = TextEncoder(load_tokenizer(model.folder), model.backbone)
    weights = load_model(model.folder, model.backbone, dtype="float32")
    finder = TextFinder(weights, encoder, system, batch=4)

    def answers(calls: Sequence[Sequence[Call]], *, common: list[int]) -> list[list[FreeAnswer]]:
        assert all(call.prompt[: len(common)] == common for group in calls for call in group)
        return [
            [FreeAnswer(answer(encoder.decode(c.prompt)), finished=True, tokens=1) for c in group]
            for group in calls
        ]

    finder._answerer = answers  # type: ignore[assignment]  # noqa: SLF001
    return Predictor(described(model, system), finder, batch=4)


def test_strings_become_entities_with_offsets_and_without_confidence(
    tiny_llama: TinyModel,
) -> None:
    told = {"person": '["Ada Lovelace", "Bo"]', "city": '["New York", "New York City"]', "x": "no"}
    model = answering(
        tiny_llama, uniner(), lambda prompt: told[prompt.split("describes ")[1].split()[0]]
    )
    with pytest.warns(UserWarning, match="^answers left out or cut: 1 not in the text, 1 that could not be read, 1 overlapping another entity$"):  # fmt: skip
        (found,) = model.predict([TEXT], ["person", "city", "x"])
    assert found == [
        Entity(0, 13, "person", "Ada  Lovelace", None),
        Entity(22, 35, "city", "New York City", None),
    ]
    assert found[0].to_dict()["confidence"] is None


def test_long_texts_are_cut_so_that_a_whole_answer_has_room(tiny_llama: TinyModel) -> None:
    prompts: list[str] = []

    def answer(prompt: str) -> str:
        prompts.append(prompt)
        return '["Rome"]' if "Rome" in prompt else "[]"

    model = answering(tiny_llama, uniner(), answer)
    text = "nobody waits here . " * 100 + "Ada flew to Rome . " + "nothing is said . " * 100
    (found,) = model.predict([text], ["city"])
    assert {(e.start, e.text) for e in found} == {(text.index("Rome"), "Rome")}
    lengths = [len(ids) for ids in model.finder.questions.encoder.prompts(prompts)]  # type: ignore[attr-defined]
    assert len(prompts) > 4
    assert 400 < max(lengths) <= tiny_llama.backbone.max_source_tokens - 64
    with pytest.raises(InputError, match="300 types are too many for the 640 tokens"):
        answering(tiny_llama, gollie(), answer).predict(["a"], [f"kind {n}" for n in range(300)])


@pytest.mark.parametrize(
    ("family", "system"),
    [
        ("decoder_only", uniner(**SHORT)),
        ("decoder_only", uniner(ask="conversation", **SHORT)),
        ("decoder_only", instructuie(**SHORT)),
        ("encoder_decoder", instructuie(**SHORT)),
        ("decoder_only", gollie(**SHORT)),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.kind}",
)
def test_a_checkpoint_answers_as_in_an_experiment(
    tiny_of: Callable[[Family], TinyModel],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    family: Family,
    system: Any,
) -> None:
    model = tiny_of(family)
    sentences = [
        Sentence(f"s{n}", "own", tuple(text.split()), ("O",) * len(text.split()), ("person",))
        for n, text in enumerate(["Ada waves to Rome .", "Bo waits", "The Alps are high ."])
    ]
    write_sentences(tmp_path / "s.parquet", sentences)
    places = {"output": str(tmp_path), "scratch": str(tmp_path), "model": str(model.folder)}
    decode = {"mode": "free", "beams": 1, "too_long": "skip", "seed": 1}
    numbers = {"batch": 4, "batch_tokens": 9999, "processes": 1, "threads": 1, "exact": False}
    request = {**places, **numbers, "decode": decode, "sentences": str(tmp_path / "s.parquet")}
    work(
        GenerateRequest.model_validate({**request, "backbone": model.backbone, "system": system}),
        lambda *_, **__: None,
    )
    expected = {one.words: one.outputs for one in read_answers(tmp_path / "answers.parquet")}
    folder = shutil.copytree(model.folder, tmp_path / "checkpoint")
    describe(folder, described(model, system))
    loaded = gner_core.load(folder)
    seen: dict[tuple[str, ...], tuple[str, ...]] = {}
    read = loaded.finder.questions.system.read  # type: ignore[attr-defined]

    def noting(words: Sequence[str], types: Sequence[str], outputs: Sequence[str]) -> Any:
        seen[tuple(words)] = tuple(outputs)
        return read(words, types, outputs)

    monkeypatch.setattr(loaded.finder.questions.system, "read", noting)  # type: ignore[attr-defined]
    predicted = loaded.predict_and_count([s.words for s in sentences])
    assert seen == expected
    assert sum(predicted.faults.values()) > 0  # a random model ends or writes nothing properly


def test_a_file_that_only_a_checkpoint_names_is_not_run(
    tiny_llama: TinyModel, tmp_path: Path
) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN)
    system = OwnSystem(kind="own", file=str(file), params={}, type_names=None, faithful=False, **SHORT)  # type: ignore[arg-type]  # fmt: skip
    about = described(tiny_llama, system)
    folder = shutil.copytree(tiny_llama.folder, tmp_path / "checkpoint")
    describe(folder, about)
    with pytest.raises(InputError, match="whose Python file is run only where you name it"):
        gner_core.load(folder)
    assert gner_core.load(folder, about=about).predict_and_count(["Ada waves."]).faults


def test_what_a_system_cannot_do_is_one_line(tiny_llama: TinyModel) -> None:
    with pytest.raises(InputError, match=r"beams are for gner's guided decoding, .* uniner; leave"):
        gner_core.load(tiny_llama.folder, about=described(tiny_llama, uniner()), beams=4)
    with pytest.raises(InputError, match=r"orders, temperature: only for gner's guided decoding"):
        gner_core.load(
            tiny_llama.folder, about=described(tiny_llama, uniner()), orders=2, temperature=2
        )
    values = defaults()["systems"]["gliner"]["system"]
    about = described(tiny_llama, GlinerSystem.model_validate(values))
    with pytest.raises(InputError, match="GLiNER runs in the environment of its package; use it"):
        gner_core.load(tiny_llama.folder, about=about)
