"""Experiment files: what they include, extend and leave to the defaults, and faults by key."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gner_core.config.experiment import Experiment
from gner_core.config.reading.check import check_file
from gner_core.config.reading.files import (
    read_experiment,
    read_params,
    read_scoring,
    read_values,
    read_yaml,
)
from gner_core.config.reevaluation import Reevaluation
from gner_core.config.training import HubCheckpoint, StoredCheckpoint
from gner_core.errors import InputError


@pytest.fixture
def tiny(root: Path) -> Path:
    return root / "params" / "tiny.yaml"


class Files:
    """A folder of files that are written in a test."""

    def __init__(self, folder: Path, params: Path) -> None:
        self.folder, self.params = folder, params

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def read(self, text: str, *overrides: str) -> Experiment:
        """Read an experiment with the demo corpora."""
        head = f"name: mine\ndata_root: package\ncorpora: {self.params}/corpora/demo.yaml\n"
        return read_experiment(self.write("mine.yaml", head + text), overrides=overrides)


@pytest.fixture
def files(tmp_path: Path, root: Path) -> Files:
    return Files(tmp_path, root / "params")


def faults(error: pytest.ExceptionInfo[InputError]) -> list[str]:
    """Return the lines of a message without the folder of their file."""
    return [re.sub(r"^/\S*/(?=\w+\.yaml)", "", line) for line in str(error.value).splitlines()]


def test_includes_are_read_and_overrides_win(tiny: Path) -> None:
    overrides = ["decode.beams=4", "stages.finetuning.train.epochs=3"]
    experiment = read_experiment(tiny, overrides=overrides)
    assert experiment.backbone and experiment.backbone.source.kind == "random"
    assert experiment.corpora["news"].files["train"] == ("news-train.tsv",)
    assert experiment.decode.beams == 4
    epochs = {name: stage.train.epochs for name, stage in experiment.stages.items()}
    assert epochs == {"adaptation": 2, "finetuning": 3}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("match.modes=gner", "match.modes: unknown key; allowed: back_tokenization, mode; did you mean mode?"),
        ("decode.beams=0", "decode.beams: Input should be greater than or equal to 1, got 0"),
        ("stages.adaptation.train.seed=-1", "stages.adaptation.train.seed: Input should be greater than or equal to 0, got -1"),
        ("stages.adaptation.train.seed=4294967296", "stages.adaptation.train.seed: Input should be less than 4294967296, got 4294967296"),
        ("execution.threads=99999999999999999999", "execution.threads: Input should be less than or equal to 4096, got 99999999999999999999"),
        ("scoring.level=1", "scoring.level: Input should be less than 1, got 1"),
        ("scoring.draws=9", "scoring.draws: unknown key; allowed: confidence_bins, left_out, level, resamples, seed"),
        ("decode.mode=gided", "decode.mode: Input should be 'free' or 'guided', got 'gided'; did you mean guided?"),
        ("tests.zero-shot.data.corpora=[musik]", "tests.zero-shot.data.corpora: no corpus 'musik' in corpora; did you mean music?"),
        ("tests.zero-shot.data.split=train", "tests.zero-shot.data.split: music has no split 'train', only valid, test"),
        ("tests.supervised.data.split=train", "tests.supervised.data: stages.finetuning is trained on it: news, sports, split 'train'"),
        ("tests.zero-shot.of=adaptaion", "tests.zero-shot.of: no stage 'adaptaion'; did you mean adaptation?"),
        ("tests.zero-shot.beside=table2", "tests.zero-shot.beside: Input should be 'table-2' or 'table-3', got 'table2'; did you mean table-2?"),
        ("stages.finetuning=null", "tests.supervised.of: no stage 'finetuning'; there are: adaptation, backbone"),
        ("stages.adaptation.from=finetuning", "stages.adaptation.from: goes round in a circle: adaptation ← finetuning ← adaptation"),
        ("stages.finetuning.tain=1", "stages.finetuning.tain: unknown key; allowed: choose, data, from, train; did you mean train?"),
        ("stages.adaptation.choose={sentences: 3}", "stages.adaptation.choose.sentences: unknown key; allowed: kind"),
        ("stages.adaptation.choose={kind: frist}", "stages.adaptation.choose: kind 'frist' is not one of last, held_out, sample"),
        ("stages.finetuning.choose.sentences=24", "stages.finetuning.choose.sentences: 24 held out of at most 24 (data.per_corpus) leave none to train on"),
        ("backbone.source.hiden=3", "backbone.source.hiden: unknown key; allowed: architecture, hidden, kind, layers, seed, vocabulary; did you mean hidden?"),
        ("backbone=null", "backbone: missing, and stages.adaptation.from names it"),
        ("execution.train_batch=x", "execution.train_batch: Input should be a valid integer, unable to parse string as an integer, got 'x' or Input should be 'auto', got 'x'"),
        ("system.labels=BIOES", "decode.mode: guided needs system.labels BIO or BI and system.context full, got BIOES and full; set free"),
        ("system.kind=spans", "system: kind 'spans' is not one of gner, uniner, instructuie, gollie, gliner, chat, own"),
        ("tests.zero-shot.of={hub: a/b}", "missing: tests.zero-shot.of.checkpoint"),
        ("tests.zero-shot.of={checkpoint: {hub: a/b}}", "missing: tests.zero-shot.of.checkpoint.revision"),
        ("tests.zero-shot.of={checkpoint:train/0a}", "tests.zero-shot.of.checkpoint:train/0a: a key without a value; put a blank behind its colon"),
        ("name=5", "name: Input should be a valid string, got 5; put it into quotes"),
        ("name=My_Run", "name: Input should be lower-case letters, digits and dashes, such as my-name, got 'My_Run'"),
        ("decode=null", "decode: missing; it says how the model generates text"),
        ("tests.zero-shot.data.corpora=music", "tests.zero-shot.data.corpora: Input should be a list, such as [one, two], got 'music'"),
        ("name=" + 201 * "a", "name: String should have at most 200 characters, got '" + 79 * "a" + "…"),
    ],
)  # fmt: skip
def test_a_fault_is_one_line_with_file_and_key(tiny: Path, override: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read_experiment(tiny, overrides=["decode.mode=guided", override])
    assert f"tiny.yaml: {message}" in faults(error)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("no.such.place=1", "no section 'no'; there are: name, data_root"),
        ("decode.beams.x=1", "no section 'decode.beams'; it is a value"),
        ("stages.adaptaion.train.epochs=3", "no section 'stages.adaptaion'; did you mean adaptation?"),
        ("adaptation.train.epochs=3", "no section 'adaptation'; write stages.adaptation.train.epochs"),
        ("zero_shot.per_corpus=3", "no section 'zero_shot'; write tests.zero-shot.data.per_corpus"),
        ("decode.beams", "must have the form key.path=value"),
        ("decode.beams=[", "not valid YAML: "),
        ("decode.beams=.inf", "Input should be a finite number, got inf"),
    ],
)  # fmt: skip
def test_an_override_without_a_place_names_itself(tiny: Path, override: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read_experiment(tiny, overrides=[override])
    assert str(error.value).startswith(f"--set {override}: {message}")


def test_what_is_missing_is_one_line_and_many_faults_end_after_ten(files: Files) -> None:
    with pytest.raises(InputError) as error:
        files.read("stages: {a: {}}\ntests: {b: {data: {}}}\n")
    (missing,) = faults(error)
    assert missing == (
        "mine.yaml: missing: stages.a.data.corpora, tests.b.of, tests.b.data.corpora"
    )
    names = [f"wrong-{n}: 1" for n in range(13)]
    with pytest.raises(InputError) as error:
        files.read("\n".join(names))
    *lines, more = faults(error)
    assert (len(lines), more) == (10, "and 3 more")
    with pytest.raises(InputError, match=r"mine.yaml: stages, tests: both are empty"):
        files.read("")


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
        *("experiment", "sweep", "study", "re-evaluation", "results", "backbone", "catalog"),
        *("device", "energy", "lengths", "defaults", "template", "table", "checkpoint"),
    }


def test_a_file_that_extends_another_holds_only_what_differs(root: Path, tmp_path: Path) -> None:
    paper = root / "params" / "paper"
    large = read_experiment(paper / "flan-t5-large.yaml", overrides=[])
    small = read_experiment(paper / "flan-t5-small.yaml", overrides=[])
    epochs = [one.stages["adaptation"].train.epochs for one in (large, small)]
    assert epochs == [10, 20]
    assert small.backbone and large.backbone
    assert small.backbone.parameters < large.backbone.parameters
    assert small.tests == large.tests
    assert small.stages["finetuning"].data == large.stages["finetuning"].data
    itself = tmp_path / "itself.yaml"
    itself.write_text("extends: itself.yaml")
    with pytest.raises(InputError, match="extends itself"):
        read_experiment(itself, overrides=[])


def test_a_section_of_another_kind_replaces_the_one_of_the_base(files: Files) -> None:
    base = "extends: {params}/tiny.yaml\nname: mine\nstages: {{finetuning: {{choose: {{kind: last}}}}}}"
    file = files.write("other.yaml", base.format(params=files.params))
    choose = read_experiment(file, overrides=[]).stages["finetuning"].choose
    assert choose.model_dump() == {"kind": "last"}


def test_stages_start_anywhere_and_tests_test_anything(files: Files) -> None:
    experiment = files.read(
        """
stages:
  second: {from: first, data: {corpora: [news]}}
  first: {data: {corpora: [cooking]}}
  other: {from: {checkpoint: {hub: me/mine, revision: "0123456789"}}, data: {corpora: [travel]}}
tests:
  untrained: {of: backbone, data: {corpora: [music]}}
  stored: {of: {checkpoint: train/0a1b2c}, data: {corpora: [music, astronomy]}}
  last: {of: second, data: {corpora: [news]}}
""",
        f"backbone={files.params}/models/tiny-t5.yaml",
    )
    assert list(experiment.ordered_stages()) == ["first", "second", "other"]
    assert experiment.chain("second") == ("first", "second")
    assert experiment.stages["other"].origin == StoredCheckpoint(
        checkpoint=HubCheckpoint(hub="me/mine", revision="0123456789")
    )
    assert experiment.tests["stored"].of == StoredCheckpoint(checkpoint="train/0a1b2c")


def test_tests_of_stored_checkpoints_need_no_backbone(files: Files) -> None:
    tests = "tests: {only: {of: {checkpoint: train/0a1b2c}, data: {corpora: [music]}}}"
    experiment = files.read(tests)
    assert experiment.backbone is None and not experiment.stages


def test_what_a_file_leaves_out_comes_from_the_defaults_and_is_named(files: Files) -> None:
    stages = "stages: {a: {data: {corpora: [news], seed: 7}, train: {epochs: 3}}}\n"
    backbone = f"backbone: {files.params}/models/tiny-t5.yaml\n"
    experiment = files.read(stages + backbone, "decode.beams=2")
    shown = {key: (value, default) for key, value, default in experiment.shown()}
    assert shown["stages.a.data.seed"] == (7, False)
    assert shown["stages.a.data.split"] == ("train", True)
    assert shown["stages.a.from"] == ("backbone", True)
    assert shown["stages.a.train.epochs"] == (3, False)
    assert shown["decode.beams"] == (2, False)
    defaults = read_yaml(files.params / "defaults.yaml")
    assert shown["stages.a.train.learning_rate"] == (
        defaults["stages"]["*"]["train"]["learning_rate"],
        True,
    )
    assert experiment.taken_defaults()["execution.train_batch"] == 4
    assert not any(key.startswith("backbone.") for key in experiment.defaulted)


def test_paths_count_from_their_file_and_those_of_overrides_from_here(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write("data/texts/a.tsv", "x\tO\n")
    files.write("data/catalog.yaml", read_text_of(files.params / "corpora" / "demo.yaml"))
    files.write("models/local.yaml", local_backbone(files))
    files.write("made/config.json", "{}")
    text = """
name: mine
data_root: texts
corpora: catalog.yaml
backbone: ../models/local.yaml
execution: {launcher: {kind: deepspeed, processes: 1, config: zero.json}}
stages: {a: {from: {checkpoint: ../made}, data: {corpora: [news]}}}
tests: {b: {of: {checkpoint: train/0a}, data: {corpora: [news]}}}
"""
    file = files.write("data/mine.yaml", text)
    monkeypatch.chdir(files.folder)
    found = read_experiment(Path("data/mine.yaml"), overrides=[])
    assert found.data_root == "data/texts"
    assert found.backbone and found.backbone.source.model_dump()["path"] == str(
        files.folder / "models" / "weights"
    )
    launcher = found.execution.launcher.model_dump()
    assert launcher["config"] == "data/zero.json"
    assert found.stages["a"].origin == StoredCheckpoint(checkpoint="made")
    assert found.tests["b"].of == StoredCheckpoint(checkpoint="train/0a")
    overrides = ["data_root=data", "corpora=data/catalog.yaml", "backbone=models/local.yaml"]
    changed = read_experiment(file, overrides=[*overrides, "stages.a.from={checkpoint: made}"])
    assert (changed.data_root, changed.backbone) == ("data", found.backbone)
    assert changed.stages["a"].origin == StoredCheckpoint(checkpoint="made")
    file.write_text(text.replace("data_root: texts\n", ""))
    assert read_experiment(Path("data/mine.yaml"), overrides=[]).data_root == "data"


def read_text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def local_backbone(files: Files) -> str:
    values = read_yaml(files.params / "models" / "tiny-t5.yaml")
    return yaml.safe_dump({**values, "source": {"kind": "folder", "path": "weights"}})


def test_scoring_is_merged_with_the_defaults_and_may_be_a_file(tiny: Path, tmp_path: Path) -> None:
    defaults = read_scoring(None).model_dump(mode="json")
    own = tmp_path / "own.yaml"
    (tmp_path / "scoring.yaml").write_text("{level: 0.9}")
    for file, kind in (
        (tiny, Experiment),
        (tiny.with_name("reevaluate.yaml"), Reevaluation),
    ):
        own.write_text(yaml.safe_dump({"extends": str(file), "scoring": {"seed": 7}}))
        seven: Any = read_params(kind, own)
        assert seven.scoring.model_dump(mode="json") == {**defaults, "seed": 7}
        own.write_text(yaml.safe_dump({"extends": str(file), "scoring": "scoring.yaml"}))
        wide: Any = read_params(kind, own)
        assert wide.scoring.level == 0.9


def test_a_file_of_scoring_is_checked_by_its_keys(tmp_path: Path) -> None:
    values = read_scoring(None).model_dump(mode="json")
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump(values))
    assert check_file(own) == "scoring"
    del values["seed"]
    own.write_text(yaml.safe_dump(values))
    with pytest.raises(InputError, match=r"own.yaml: missing: seed"):
        check_file(own)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("corpora/demo.yaml", "a catalog of corpora, no experiment; name it in an experiment: corpora: "),
        ("models/tiny-t5.yaml", "a backbone file, no experiment; name it in an experiment: backbone: "),
        ("reevaluate.yaml", "a re-evaluation file, no experiment; use: gner reevaluate --scan "),
        ("devices/H200.yaml", "a device file, no experiment; name the device: gner run FILE --dry-run --device H200"),
        ("defaults.yaml", "the defaults of experiments, no experiment; "),
    ],
)  # fmt: skip
def test_a_file_of_another_kind_is_named_for_what_it_is(
    root: Path, file: str, message: str
) -> None:
    from gner_core.config.reading.sweeps import read_runnable

    path = root / "params" / file
    with pytest.raises(InputError) as error:
        read_runnable(path, overrides=[])
    assert str(error.value).startswith(f"{path}: {message}")


def test_the_old_form_is_refused_with_the_new_one_to_paste(files: Files) -> None:
    sample = "{corpora: [news], split: test, per_corpus: 9, method: first, seed: 1}"
    old = f"""
extends: {files.params}/demo.yaml
name: mine
adaptation: {{train: {{epochs: 3}}}}
finetuning: null
zero_shot: {sample}
supervised: null
baseline: false
target: {{labels: BIO, context: full, gap: ""}}
"""
    file = files.write("old.yaml", old)
    with pytest.raises(InputError) as error:
        read_experiment(file, overrides=[])
    head, new = str(error.value).split("\n", 1)
    assert head == (
        f"{file}: adaptation, finetuning, zero_shot, supervised, baseline, target: the form of "
        "earlier versions; write instead:"
    )
    file.write_text(f"extends: {files.params}/demo.yaml\nname: mine\n{new}\n")
    found = read_experiment(file, overrides=[])
    assert list(found.stages) == ["adaptation"] and list(found.tests) == ["zero-shot"]
    assert found.stages["adaptation"].train.epochs == 3
    assert found.tests["zero-shot"].data.per_corpus == 9


def test_the_old_form_of_a_whole_file_says_what_stages_and_tests_start_from(files: Files) -> None:
    stage = "{data: {corpora: [news]}}"
    text = (
        f"adaptation: {stage}\nfinetuning: {stage}\nsupervised: {{corpora: [news]}}\nbaseline: true"
    )
    with pytest.raises(InputError) as error:
        read_values(files.write("old.yaml", text))
    new = yaml.safe_load(str(error.value).split("\n", 1)[1])
    assert {name: one["from"] for name, one in new["stages"].items()} == {
        "adaptation": "backbone",
        "finetuning": "adaptation",
    }
    assert {name: one["of"] for name, one in new["tests"].items()} == {
        "baseline": "backbone",
        "supervised": "finetuning",
    }


def choosing(split: str) -> str:
    data = f"{{corpora: [music], split: {split}, per_corpus: 4, method: first, seed: 1}}"
    return f"stages.adaptation.choose={{kind: sample, every: epoch, data: {data}}}"


def test_weights_are_never_chosen_on_a_test_set(tiny: Path) -> None:
    message = r"stages.adaptation.choose.data: names the test set of tests.zero-shot: music"
    with pytest.raises(InputError, match=message):
        read_experiment(tiny, overrides=[choosing("test")])


def test_a_choice_that_has_seen_its_targets_is_marked(tiny: Path, root: Path) -> None:
    assert read_experiment(tiny, overrides=[]).leaks() == {}
    seen = read_experiment(tiny, overrides=[choosing("valid")])
    reason = "chosen on corpora that are tested and not trained on: music"
    assert seen.leaks() == {"adaptation": reason}
    trained_too = "stages.adaptation.data.corpora=[cooking, travel]"
    own = choosing("valid").replace("music", "travel")
    assert read_experiment(tiny, overrides=[trained_too, own]).leaks() == {}
    published = root / "params" / "paper" / "published-t5-base.yaml"
    copied = "corpora.mit-movie.made.valid={rule: same_as, of: test}"
    leak = read_experiment(published, overrides=[copied]).leaks()["adaptation"]
    assert leak.startswith("chosen on corpora that are tested and not trained on: crossner-ai,")
    assert leak.endswith("their split 'valid' is the test set: mit-movie")
