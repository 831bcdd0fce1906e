from pathlib import Path

import pytest
import yaml

from gner_core.config.experiment import Experiment
from gner_core.config.reading.check import check_file
from gner_core.config.reading.files import (
    read_experiment,
    read_params,
    read_values,
    read_yaml,
    validated,
)
from gner_core.config.reevaluation import Reevaluation
from gner_core.errors import InputError


@pytest.fixture
def tiny(root: Path) -> Path:
    return root / "params" / "tiny.yaml"


def test_includes_are_read_and_overrides_win(tiny: Path) -> None:
    experiment = read_experiment(tiny, overrides=["decode.beams=4", "finetuning.train.epochs=3"])
    assert experiment.backbone.source.kind == "random"
    assert experiment.corpora["news"].files["train"] == ("news-train.tsv",)
    assert experiment.decode.beams == 4
    assert experiment.finetuning.train.epochs == 3
    assert experiment.adaptation.train.epochs == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("decode.beems=4", r"tiny.yaml: decode.beems: unknown key; allowed: beams, mode, seed"),
        ("decode.beams=0", r"decode.beams: .*greater than or equal to 1, got 0"),
        ("scoring.level=1", r"scoring.level: .*less than 1, got 1"),
        ("scoring.draws=9", r"scoring.draws: unknown key; allowed: .*left_out, level, resamples"),
        ("scoring={level: 0.9}", r"scoring.resamples: Field required; .*scoring.seed: Field req"),
        ("decode.beams=many", r"decode.beams: .*valid integer.*got 'many'"),
        ("decode.mode=magic", r"decode.mode: Input should be 'free' or 'guided', got 'magic'"),
        ("zero_shot.corpora=[mars]", r"zero_shot.corpora names 'mars'; known: astronomy"),
        ("zero_shot.split=train", r"zero_shot: music has no split 'train', only valid, test"),
        ("supervised.split=train", r"finetuning and supervised both use split 'train'"),
        ("supervised=null", r"finetuning and supervised belong together: set both to null"),
        ("finetuning.tain=1", r"finetuning.tain: unknown key; allowed: choose, data, train"),
        ("no.such.place=1", r"no section 'no'; there are: name, data_root"),
        ("decode.beams", r"must have the form key.path=value"),
        ("adaptation.choose={}", r"adaptation.choose: Unable to extract tag using discriminator"),
        ("adaptation.choose.every=0", r"adaptation.choose.last.every: unknown key"),
        ("backbone.source.hiden=3", r"backbone.source.random.hiden: unknown key; allowed: arch"),
    ],
)
def test_a_bad_value_is_named_with_file_place_and_what_is_allowed(
    tiny: Path, override: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_experiment(tiny, overrides=[override])


def test_missing_and_malformed_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.yaml: cannot be read"):
        read_experiment(tmp_path / "none.yaml", overrides=[])
    (tmp_path / "bad.yaml").write_text("a: [1")
    with pytest.raises(InputError, match=r"bad.yaml: not valid YAML"):
        read_experiment(tmp_path / "bad.yaml", overrides=[])
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(InputError, match=r"list.yaml: must hold a mapping"):
        read_experiment(tmp_path / "list.yaml", overrides=[])


def test_every_params_file_loads(root: Path) -> None:
    files = sorted((root / "params").rglob("*.yaml"))
    assert len(files) > 5
    kinds = {check_file(file) for file in files}
    assert kinds == {
        *("experiment", "sweep", "study", "re-evaluation", "backbone", "catalog"),
        *("device", "costs", "scoring"),
    }


def test_a_file_that_extends_another_holds_only_what_differs(root: Path, tmp_path: Path) -> None:
    paper = root / "params" / "paper"
    large = read_experiment(paper / "flan-t5-large.yaml", overrides=[])
    small = read_experiment(paper / "flan-t5-small.yaml", overrides=[])
    assert (large.adaptation.train.epochs, small.adaptation.train.epochs) == (10, 20)
    assert small.backbone.parameters < large.backbone.parameters
    assert small.zero_shot == large.zero_shot
    assert small.finetuning.data == large.finetuning.data
    itself = tmp_path / "itself.yaml"
    itself.write_text("extends: itself.yaml")
    with pytest.raises(InputError, match="extends itself"):
        read_experiment(itself, overrides=[])


def test_scoring_is_required_and_may_stand_in_the_file_itself(tiny: Path, tmp_path: Path) -> None:
    reevaluate = tiny.with_name("reevaluate.yaml")
    shared = read_yaml(tiny.with_name("scoring.yaml"))
    own = tmp_path / "own.yaml"
    for file, kind in ((tiny, Experiment), (reevaluate, Reevaluation)):
        assert read_params(kind, file).scoring.model_dump(mode="json") == shared
        values = read_values(file)
        del values["scoring"]
        with pytest.raises(InputError, match=rf"{file.name}: scoring: Field required"):
            validated(kind, values, file)
        own.write_text(yaml.safe_dump({"extends": str(file), "scoring": {**shared, "seed": 7}}))
        assert read_params(kind, own).scoring.seed == 7


def test_a_file_of_scoring_is_checked_by_its_keys(tiny: Path, tmp_path: Path) -> None:
    values = read_yaml(tiny.with_name("scoring.yaml"))
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump(values))
    assert check_file(own) == "scoring"
    del values["seed"]
    own.write_text(yaml.safe_dump(values))
    with pytest.raises(InputError, match=r"own.yaml: seed: Field required"):
        check_file(own)


def choosing(split: str) -> str:
    data = f"{{corpora: [music], split: {split}, per_corpus: 4, method: first, seed: 1}}"
    return f"adaptation.choose={{kind: sample, every: epoch, data: {data}}}"


def test_weights_are_never_chosen_on_a_test_set(tiny: Path) -> None:
    with pytest.raises(InputError, match=r"adaptation.choose.data names a test set: music"):
        read_experiment(tiny, overrides=[choosing("test")])


def test_a_choice_that_has_seen_its_targets_is_marked(tiny: Path, root: Path) -> None:
    assert read_experiment(tiny, overrides=[]).leaks() == {}
    seen = read_experiment(tiny, overrides=[choosing("valid")])
    assert seen.leaks() == {"adaptation": "chosen on the zero-shot targets music"}
    published = root / "params" / "paper" / "published-t5-base.yaml"
    copied = "corpora.mit-movie.made.valid={rule: same_as, of: test}"
    leak = read_experiment(published, overrides=[copied]).leaks()["adaptation"]
    assert "chosen on the zero-shot targets crossner-ai," in leak
    assert leak.endswith("their split 'valid' is the test set: mit-movie")
