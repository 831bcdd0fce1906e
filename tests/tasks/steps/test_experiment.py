"""What the keys of training steps depend on."""

from pathlib import Path

import pytest

from gner_core.config.reading.files import read_experiment
from gner_core.store.fingerprint import file_sha256
from tasks.plans.experiment import Plan, plan_experiment
from tasks.steps import data

SAMPLE = "{corpora: [cooking], split: valid, per_corpus: 4, method: first, seed: 1}"


@pytest.fixture
def plans(root: Path) -> dict[str, Plan]:
    choices = {
        "last": "{kind: last}",
        "other interval": "{kind: held_out, sentences: 4, seed: 1, every: 3}",
        "other draw": "{kind: held_out, sentences: 4, seed: 2, every: 3}",
        "sample": f"{{kind: sample, every: 3, data: {SAMPLE}}}",
        "other sample": f"{{kind: sample, every: 3, data: {SAMPLE.replace('4', '5')}}}",
    }
    tiny = root / "params" / "tiny.yaml"
    return {
        name: plan_experiment(read_experiment(tiny, overrides=[f"finetuning.choose={choice}"]))
        for name, choice in choices.items()
    }


def test_the_choice_of_weights_is_in_the_key_of_its_stage_and_of_what_follows(
    plans: dict[str, Plan],
) -> None:
    assert len({plan.stages["finetuning"].ref.key for plan in plans.values()}) == len(plans)
    assert len({plan.tests["supervised"].ref.key for plan in plans.values()}) == 5
    assert len({plan.stages["adaptation"].ref.key for plan in plans.values()}) == 1


@pytest.mark.parametrize(
    "change", ["level=0.9", "resamples=2000", "seed=2", "left_out=[]", "confidence_bins=5"]
)
def test_scoring_is_in_the_key_of_the_scores_and_of_nothing_before(root: Path, change: str) -> None:
    tiny = root / "params" / "tiny.yaml"
    plan, other = (
        plan_experiment(read_experiment(tiny, overrides=overrides)).tests["zero-shot"]
        for overrides in ([], [f"scoring.{change}"])
    )
    assert plan.ref.key != other.ref.key
    assert plan.predictions.ref.key == other.predictions.ref.key


def test_validation_sentences_are_a_step_before_the_training(plans: dict[str, Plan]) -> None:
    plan = plans["sample"]
    titles = [step.title for step in plan.steps()]
    assert titles.index("finetuning validation") < titles.index("finetuning")
    assert plan.stages["finetuning"].validation is plan.samples["finetuning validation"]
    assert "validation" not in plans["last"].stages["finetuning"].inputs()


def test_the_files_of_a_local_model_are_hashed_once_for_all_points_of_a_sweep(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    hashed: list[Path] = []

    def counted(file: Path) -> str:
        hashed.append(file)
        return file_sha256(file)

    monkeypatch.setattr(data, "file_sha256", counted)
    local = f"backbone.source={{kind: folder, path: {folder}}}"
    tiny = root / "params" / "tiny.yaml"
    for beams in (1, 2, 3):
        plan_experiment(read_experiment(tiny, overrides=[local, f"decode.beams={beams}"]))
    assert hashed.count(folder / "model.safetensors") == 1
    (folder / "model.safetensors").write_bytes(b"other weights")
    plan_experiment(read_experiment(tiny, overrides=[local]))
    assert hashed.count(folder / "model.safetensors") == 2
