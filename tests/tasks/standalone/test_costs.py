"""Costs of plans: shared steps once, the whole paper, and what cannot be said."""

from pathlib import Path

import pytest

from gner_core.config.reading.files import read_experiment
from gner_core.costs.devices import read_device
from gner_core.reports.paper.numbers import paper_gpu_hours
from gner_core.store.artifacts import Store
from tasks.plans.experiment import plan_experiment
from tasks.plans.points import PlannedPoint, PlannedStep, planned_steps, shared_steps
from tasks.standalone.costs import CostReader

PAPER = ("flan-t5-small", "flan-t5-base", "flan-t5-large", "flan-t5-xl", "flan-t5-xxl", "llama-7b")
LAUNCH = "execution.launcher={kind: deepspeed, processes: 8, config: params/deepspeed/zero3.json}"


def priced(
    root: Path, tmp_path: Path, files: dict[str, tuple[str, list[str]]]
) -> list[PlannedStep]:
    """Price experiments, by label: file and overrides; nothing is published."""
    store = Store(str(tmp_path / "store"), scratch=tmp_path / "work")
    experiments = {
        label: read_experiment(root / "params" / file, overrides=overrides)
        for label, (file, overrides) in files.items()
    }
    points = [PlannedPoint(label, e, plan_experiment(e)) for label, e in experiments.items()]
    reader = CostReader(store, read_device(["A100-80G"]))
    return [reader.priced(step) for step in planned_steps(shared_steps(points).values(), store)]


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.setenv("GNER_HOME", str(tmp_path))
    monkeypatch.chdir(root)


def test_a_beam_sweep_trains_once(root: Path, tmp_path: Path) -> None:
    sweep = {f"beams {n}": ("paper/flan-t5-large.yaml", [f"decode.beams={n}"]) for n in (1, 2, 4)}
    steps = priced(root, tmp_path, sweep)
    kinds = [step.step.kind for step in steps]
    assert (kinds.count("train"), kinds.count("generate")) == (2, 6)
    (adaptation,) = (s for s in steps if s.step.title == "adaptation")
    assert adaptation.users == ("beams 1", "beams 2", "beams 4")
    one, _, four = (s for s in steps if s.step.kind == "generate" and s.step.title == "zero-shot")
    assert one.cost and four.cost
    assert four.cost.flops > 2 * one.cost.flops


def test_the_whole_paper_is_of_the_order_that_the_paper_states(root: Path, tmp_path: Path) -> None:
    steps = priced(root, tmp_path, {name: (f"paper/{name}.yaml", []) for name in PAPER})
    trained = [s for s in steps if s.step.kind == "train"]
    assert len(trained) == 2 * len(PAPER)
    hours = sum(s.cost.gpu_hours or 0 for s in trained if s.cost)
    assert paper_gpu_hours() / 2 < hours < 2 * paper_gpu_hours()
    # Sentences of stage 1: the authors' 105,659 records of Pile-NER, in 10 epochs.
    (large,) = (
        s for s in trained if s.users == ("flan-t5-large",) and s.step.title == "adaptation"
    )
    assert large.cost
    assert large.cost.target_tokens == pytest.approx(10 * 105_659 * 361.3, rel=0.01)
    assert large.note == "table, 1 of 1 stand-ins"


def test_lean_targets_have_lengths_of_their_own(root: Path, tmp_path: Path) -> None:
    forms = {
        labels: ("paper/llama-7b.yaml", [f"system.labels={labels}"]) for labels in ("BIO", "BI")
    }
    trained = [s for s in priced(root, tmp_path, forms) if s.step.title == "adaptation"]
    every, lean = (s.cost for s in trained)
    assert every and lean
    assert lean.target_tokens == pytest.approx(3 * 105_659 * 135.1, rel=0.01)
    assert lean.target_tokens < 0.45 * every.target_tokens
    assert lean.prompt_tokens < 0.75 * every.prompt_tokens
    assert {s.note for s in trained} == {"table, 1 of 1 stand-ins"}


def test_what_does_not_fit_one_device_fits_eight_with_zero(root: Path, tmp_path: Path) -> None:
    paper = ("paper/llama-7b.yaml", ["execution.train_batch=1"])
    alone, spread = (
        next(s.cost for s in priced(root, tmp_path, {"": case}) if s.step.kind == "train")
        for case in (paper, (paper[0], [*paper[1], LAUNCH]))
    )
    assert alone and spread
    assert alone.memory_bytes > 80e9 > spread.memory_bytes
    assert alone.gpu_hours == spread.gpu_hours  # GPU hours, not hours


def test_looks_at_held_out_sentences_are_counted(root: Path, tmp_path: Path) -> None:
    held_out = "stages.adaptation.choose={kind: held_out, sentences: 4000, seed: 1, every: epoch}"
    plain, looking = (
        next(s.cost for s in priced(root, tmp_path, {"": case}) if s.step.kind == "train")
        for case in (("paper/flan-t5-large.yaml", []), ("paper/flan-t5-large.yaml", [held_out]))
    )
    assert plain and looking
    share = 4000 / 105_545  # not learned from; forward only, a third of an update, each epoch
    assert looking.flops / plain.flops == pytest.approx(1 - share + share / 3, rel=1e-4)


def test_a_cost_that_cannot_be_said_says_why(root: Path, tmp_path: Path) -> None:
    demo = priced(root, tmp_path, {"": ("demo.yaml", [])})
    noted = {s.step.kind: s.note for s in demo if s.note}
    assert noted["train"] == "news is not prepared: its sentences are not counted yet"
    assert all(s.cost is None for s in demo)
    shapeless = priced(root, tmp_path, {"": ("paper/flan-t5-large.yaml", ["backbone.shape=null"])})
    assert {s.note for s in shapeless if s.step.kind == "train"} == {
        "Flan-T5-large: its file states no shape"
    }


def test_a_shape_changes_no_key(root: Path) -> None:
    keys = {
        plan_experiment(
            read_experiment(root / "params" / "tiny.yaml", overrides=changes)
        ).report.ref
        for changes in ([], ["backbone.shape=null"])
    }
    assert len(keys) == 1
