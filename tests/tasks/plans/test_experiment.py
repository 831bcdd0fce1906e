"""Plans of experiments: what the keys of steps depend on, and what is refused before any runs."""

from pathlib import Path

import pytest

from gner_core.config.backbone import BackboneParams
from gner_core.config.checkpoint import VERSION, Description, describe
from gner_core.config.experiment import Experiment
from gner_core.config.reading.files import read_experiment, read_params
from gner_core.config.systems.gner import GnerSystem, TargetForm
from gner_core.errors import InputError
from gner_core.store.fingerprint import file_sha256
from gner_core.systems.gner.targets import BIO
from tasks.plans.experiment import Plan, plan_experiment
from tasks.steps import data
from tasks.steps.models import Generate, Stored

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
        name: plan_experiment(
            read_experiment(tiny, overrides=[f"stages.finetuning.choose={choice}"])
        )
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
    plan = plan_experiment(read_experiment(tiny, overrides=[local]))
    assert hashed.count(folder / "model.safetensors") == 2
    for stray in ("README.md", ".DS_Store", "notes.txt"):
        (folder / stray).write_text("stray")
    again = plan_experiment(read_experiment(tiny, overrides=[local]))
    assert [step.ref for step in again.steps()] == [step.ref for step in plan.steps()]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GNER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GNER_STORE", raising=False)
    return tmp_path


def stored(folder: Path, root: Path, target: TargetForm = BIO) -> Path:
    """Write the folder of a checkpoint without a model."""
    folder.mkdir()
    (folder / "model.safetensors").write_text("weights")
    backbone = read_params(BackboneParams, root / "params" / "models" / "tiny-t5.yaml")
    describe(folder, Description(version=VERSION, backbone=backbone, target=target, types=()))
    return folder


def experiment(home: Path, root: Path, text: str) -> Experiment:
    head = f"name: mine\ndata_root: package\ncorpora: {root}/params/corpora/demo.yaml\n"
    (home / "mine.yaml").write_text(head + text)
    return read_experiment(home / "mine.yaml", overrides=[])


def test_a_stored_checkpoint_is_tested_without_any_training(home: Path, root: Path) -> None:
    stored(home / "made", root)
    text = "tests: {mine: {of: {checkpoint: made}, data: {corpora: [music, astronomy]}}}"
    plan = plan_experiment(experiment(home, root, text))
    kinds = [step.kind for step in plan.steps()]
    assert kinds == ["corpus", "corpus", "sample", "generate", "score", "report"]
    model = plan.tests["mine"].predictions.model
    assert isinstance(model, Stored) and model.stored_at == home / "made"
    assert plan.tests["mine"].predictions.backbone.name == "tiny random T5"


def test_a_stored_checkpoint_can_be_trained_further(home: Path, root: Path) -> None:
    brackets = TargetForm(labels="brackets", context="full", gap="")
    stored(home / "made", root, brackets)
    text = """
stages: {more: {from: {checkpoint: made}, data: {corpora: [news]}}}
tests: {after: {of: more, data: {corpora: [news]}}}
decode: {mode: free}
"""
    plan = plan_experiment(experiment(home, root, text))
    assert plan.backbone is None
    assert isinstance(plan.stages["more"].model, Stored)
    system = plan.tests["after"].predictions.system
    assert plan.stages["more"].system == system == GnerSystem.writing(brackets)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "system: {labels: BIOES}\ndecode: {mode: free}\n",
            "was trained with system.labels 'BIO', and the file says 'BIOES'",
        ),
        (
            "backbone: llama.yaml\n",
            "its backbone is tiny random T5 (encoder_decoder), and the file",
        ),
    ],
)
def test_what_contradicts_a_stored_checkpoint_is_an_error_with_its_key(
    home: Path, root: Path, text: str, message: str
) -> None:
    stored(home / "made", root)
    (home / "llama.yaml").write_bytes((root / "params/models/smollm2-135m.yaml").read_bytes())
    tests = "tests: {mine: {of: {checkpoint: made}, data: {corpora: [music]}}}"
    with pytest.raises(InputError) as error:
        plan_experiment(experiment(home, root, text + tests))
    assert str(error.value).startswith(f"{home}/mine.yaml: tests.mine.of.checkpoint: {message}")


def test_a_checkpoint_that_guided_decoding_cannot_use_is_refused(home: Path, root: Path) -> None:
    stored(home / "made", root, TargetForm(labels="BIOES", context="full", gap=""))
    tests = "tests: {mine: {of: {checkpoint: made}, data: {corpora: [music]}}}"
    with pytest.raises(InputError, match=r"writes BIOES with context full; decode.mode guided"):
        plan_experiment(experiment(home, root, tests))


@pytest.mark.parametrize("name", ["train/0a1b2c", "nowhere", "./nowhere"])
def test_a_checkpoint_that_is_not_there_is_named_with_file_and_key(
    home: Path, root: Path, name: str
) -> None:
    tests = f"tests: {{mine: {{of: {{checkpoint: {name}}}, data: {{corpora: [music]}}}}}}"
    with pytest.raises(InputError) as error:
        plan_experiment(experiment(home, root, tests))
    assert str(error.value).startswith(f"{home}/mine.yaml: tests.mine.of.checkpoint: ")


def test_more_sentences_held_out_than_there_are_is_told_before_anything_runs(
    home: Path, root: Path
) -> None:
    (home / "a.tsv").write_text("".join(f"w{number}\tB-X\n\n" for number in range(8)))
    corpus = """
    files: {train: [a.tsv]}
    format: {kind: conll, scheme: bio, separator: tab, columns: 2, token_column: 0, tag_column: 1}
    labels: {X: thing}
    labels_to_o: []
    cut_at_words: null
    licence: none
    origin: here
"""
    text = f"""
name: mine
corpora:
  own:{corpus}
backbone: {root}/params/models/tiny-t5.yaml
stages:
  all:
    data: {{corpora: [own]}}
    choose: {{kind: held_out, sentences: 8, seed: 1, every: epoch}}
"""
    (home / "own.yaml").write_text(text)
    with pytest.raises(InputError) as error:
        plan_experiment(read_experiment(home / "own.yaml", overrides=[]))
    assert str(error.value) == (
        f"{home}/own.yaml: stages.all.choose.sentences: 8 held out of 8 leave none to train on"
    )
    fewer = read_experiment(home / "own.yaml", overrides=["stages.all.choose.sentences=7"])
    assert list(plan_experiment(fewer).stages) == ["all"]


def test_random_weights_without_a_stage_have_no_tokenizer(home: Path, root: Path) -> None:
    text = f"backbone: {root}/params/models/tiny-t5.yaml\n"
    tests = "tests: {untrained: {of: backbone, data: {corpora: [music]}}}"
    with pytest.raises(InputError, match=r"mine.yaml: backbone.source: random weights"):
        plan_experiment(experiment(home, root, text + tests))


def test_names_and_defaults_are_in_the_key_of_the_report_alone(home: Path, root: Path) -> None:
    text = f"backbone: {root}/params/models/tiny-t5.yaml\n"
    one, other, said = (
        plan_experiment(experiment(home, root, text + more))
        for more in (
            "stages: {a: {data: {corpora: [news]}}}",
            "stages: {b: {data: {corpora: [news]}}}",
            "stages: {a: {data: {corpora: [news], seed: 1}}}",
        )
    )
    assert one.stages["a"].ref == other.stages["b"].ref == said.stages["a"].ref
    assert len({plan.report.ref for plan in (one, other, said)}) == 3


FIT = "decode.fit={temperature: true, outside_penalty: [1]}"
HELD_OUT = "choose={kind: held_out, sentences: 4, seed: 1, every: 3}"


def test_fitted_decoding_is_a_step_before_the_tests_and_in_their_keys(root: Path) -> None:
    tiny = root / "params" / "tiny.yaml"
    overrides = ["decode.mode=guided", f"stages.adaptation.{HELD_OUT}", "tests.baseline=null"]
    plans = [
        plan_experiment(read_experiment(tiny, overrides=[*overrides, *more]))
        for more in ([], [FIT], [FIT, "scoring.level=0.9"])
    ]
    plain, fitted, other = (plan.tests["zero-shot"].predictions for plan in plans)
    assert isinstance(plain, Generate)
    assert isinstance(fitted, Generate)
    assert plain.fit is None
    assert fitted.fit is not None
    assert fitted.fit.model == plans[1].stages["adaptation"]
    assert fitted.fit.data == plans[1].samples["adaptation"]
    assert len({plain.ref, fitted.ref, other.ref}) == 3
    steps = [*plans[1].steps()]
    assert steps.index(fitted.fit) < steps.index(fitted)
    assert [step.kind for step in steps].count("fit") == 2  # of both stages
    assert {*plans[1].report.inputs().values()} >= {fitted.fit}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([], "tests.baseline tests no stage of this file"),
        (["tests.baseline=null"], "stages.adaptation.choose: last holds no sentences out"),
        (
            [
                "tests.baseline=null",
                f"stages.adaptation.choose={{kind: sample, every: 3, data: {SAMPLE.replace('cooking', 'music')}}}",
            ],
            "stages.adaptation.choose.data: chosen on corpora that are tested and not trained on",
        ),
    ],
)
def test_decoding_is_not_fitted_to_what_is_tested_or_trained_on(
    root: Path, overrides: list[str], said: str
) -> None:
    tiny = root / "params" / "tiny.yaml"
    with pytest.raises(InputError, match=said):
        read_experiment(tiny, overrides=["decode.mode=guided", FIT, *overrides])
