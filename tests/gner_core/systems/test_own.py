"""The page docs/data-and-models/own-system.md: its system is one file, which is trained, tested and scored."""

import re
from pathlib import Path
from typing import Any

import pytest

from gner_core.config.reading.defaults import defaults
from gner_core.config.reading.files import read_experiment
from gner_core.config.scoring import ScoringParams
from gner_core.config.systems.own import OwnSystem
from gner_core.config.training import TrainParams
from gner_core.errors import InputError
from gner_core.generation.job import GenerateRequest
from gner_core.generation.worker import work as generate
from gner_core.records import Sentence, Span, read_answers, write_sentences
from gner_core.scoring.evaluate import summarise
from gner_core.scoring.scored import score_answers
from gner_core.systems.registry import text_system
from gner_core.training.stage import TrainRequest
from gner_core.training.worker import work as train
from tests.gner_core.conftest import TinyModel

WORDS = ("Ada", "flew", "to", "New", "York", ".")


@pytest.fixture
def page(root: Path, tmp_path: Path) -> Path:
    """A folder with the files of the page, and the params that they name."""
    text = (root / "docs" / "data-and-models" / "own-system.md").read_text()
    for name, content in re.findall(r'```\w+ title="(.*?)"\n(.*?)```', text, flags=re.DOTALL):
        (tmp_path / name).write_text(content)
    (tmp_path / "params").symlink_to(root / "params")
    return tmp_path


def silent(*_: Any, **__: Any) -> None:
    return


def own(file: Path, **params: Any) -> OwnSystem:
    return OwnSystem(
        kind="own",
        file=str(file),
        params=params,
        answer_tokens=32,
        type_names=None,
        faithful=False,
    )


def test_the_system_of_the_page_asks_and_reads(page: Path) -> None:
    system = text_system(own(page / "lines.py", nothing="-"))
    (query,) = system.queries(WORDS, ("person", "city"))
    assert query.prompt.splitlines()[:2] == ["Text: Ada flew to New York .", "Types: person, city"]
    output = "person = Ada\ncity = new york\ncity = Rome\nyear = 1852\nwell\n-"
    reading = system.read(WORDS, ("person", "city"), [output])
    assert reading.spans == (Span(0, 1, "person"), Span(3, 5, "city"))
    assert reading.hallucinated == (("city", "Rome"),)
    assert reading.unknown == (("year", "1852"),)
    assert reading.unread == ("no entity: well",)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise ValueError('early')", "ValueError: early"),
        ("class Other: pass", "has no attribute 'System'"),
        (
            "class System:\n  pieces_apart = False\n  def read(self): pass",
            "lacks queries, examples",
        ),
        ("class System:\n  def __init__(self, must): pass", "missing 1 required"),
    ],
)
def test_a_file_that_is_no_system_is_named(tmp_path: Path, source: str, message: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(source)
    with pytest.raises(InputError, match=re.escape(message)) as error:
        text_system(own(file))
    assert str(file) in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.py: no such Python file; system\.file names it"):
        text_system(own(tmp_path / "none.py"))


def test_the_system_of_the_page_is_trained_tested_and_scored(
    page: Path, tiny_llama: TinyModel, news: list[Sentence], recipe: TrainParams, tmp_path: Path
) -> None:
    system = own(page / "lines.py", nothing="-")
    write_sentences(tmp_path / "s.parquet", news[:8])
    common = {
        "threads": 1,
        "backbone": tiny_llama.backbone,
        "system": system,
        "sentences": str(tmp_path / "s.parquet"),
    }
    for folder in ("trained", "written", "scratch", "scratch-2"):
        (tmp_path / folder).mkdir()
    train(
        TrainRequest.model_validate(
            {
                **common,
                "output": str(tmp_path / "trained"),
                "scratch": str(tmp_path / "scratch"),
                "train": recipe.model_copy(update={"epochs": 1}),
                "model": str(tiny_llama.folder),
                "choose": {"kind": "last"},
                "validation": None,
                "execution": defaults()["execution"],
            }
        ),
        silent,
    )
    generate(
        GenerateRequest.model_validate(
            {
                **common,
                "output": str(tmp_path / "written"),
                "scratch": str(tmp_path / "scratch-2"),
                "decode": {"mode": "free", "beams": 1, "too_long": "skip", "seed": 1},
                "model": str(tmp_path / "trained"),
                "batch": 4,
                "batch_tokens": 10_000,
                "processes": 1,
                "exact": True,
            }
        ),
        silent,
    )
    answers = read_answers(tmp_path / "written" / "answers.parquet")
    scored = [score_answers(one, text_system(system)) for one in answers]
    scoring = ScoringParams.model_validate(defaults()["scoring"])
    counts = summarise(scored, scoring)["answers"]["all"]
    assert (counts["sentences"], counts["calls"]) == (8, 8)
    assert counts["prompt tokens"] > 8 * 20


def test_the_experiment_of_the_page_names_its_file(page: Path) -> None:
    found = read_experiment(page / "lines.yaml", overrides=[])
    assert isinstance(found.system, OwnSystem)
    assert Path(found.system.file) == page / "lines.py"
    assert found.system.params == {"nothing": "-"}
