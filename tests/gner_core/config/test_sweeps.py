"""Sweep and study files: their points, what may be overridden, and what is refused."""

from pathlib import Path

import pytest
import yaml

from gner_core.config.reading.check import check_file
from gner_core.config.reading.models import read_model_file
from gner_core.config.reading.sweeps import Runnable, Study, Sweep, read_runnable
from gner_core.config.training import StoredCheckpoint
from gner_core.errors import InputError


@pytest.fixture
def tiny(root: Path) -> Path:
    return root / "params" / "tiny.yaml"


class Files:
    """A folder for files that are written in a test."""

    def __init__(self, folder: Path, base: Path) -> None:
        self.folder = folder
        self.values = {
            "name": "toy",
            "base": str(base),
            "axes": {
                "beams": {"one": {"decode.beams": 1}, "two": {"decode.beams": 2}},
                "seed": {
                    "1": {"stages.adaptation.train.seed": 1},
                    "2": {"stages.adaptation.train.seed": 2},
                },
            },
            "show": ["zero-shot/f1"],
            "figure": "beams",
        }

    def read(self, *overrides: str, file: str = "toy.yaml", **changed: object) -> Runnable:
        path = self.folder / file
        path.write_text(yaml.safe_dump({**self.values, **changed}))
        return read_runnable(path, overrides=overrides)

    def sweep(self, *overrides: str, **changed: object) -> Sweep:
        found = self.read(*overrides, **changed)
        assert isinstance(found, Sweep)
        return found


@pytest.fixture
def files(tmp_path: Path, tiny: Path) -> Files:
    return Files(tmp_path, tiny)


def test_points_are_all_combinations_in_order(files: Files) -> None:
    points = files.sweep(seeds="seed").points
    assert [point.label for point in points] == [
        "beams=one, seed=1",
        "beams=one, seed=2",
        "beams=two, seed=1",
        "beams=two, seed=2",
    ]
    names = [point.experiment.name for point in points]
    assert names == ["toy-one-1", "toy-one-2", "toy-two-1", "toy-two-2"]
    values = [
        (p.experiment.decode.beams, p.experiment.stages["adaptation"].train.seed) for p in points
    ]
    assert values == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert {point.experiment.stages["finetuning"].train.seed for point in points} == {1}


def test_one_value_sets_several_keys_and_a_file_counts_from_the_sweep(root: Path) -> None:
    sweep = read_runnable(root / "params" / "sweeps" / "scaling-law.yaml", overrides=[])
    assert isinstance(sweep, Sweep)
    assert [sweep.x_of(point)[1] for point in sweep.points] == ["44K", "137K", "471K"]
    paper = read_runnable(root / "params" / "paper" / "zero-shot.yaml", overrides=[])
    assert isinstance(paper, Sweep)
    recipes = {
        point.labels["backbone"]: (
            point.experiment.stages["adaptation"].train.epochs,
            point.experiment.stages["adaptation"].train.schedule,
            [*point.experiment.stages],
        )
        for point in paper.points
    }
    assert recipes["Flan-T5-small"] == (20, "constant", ["adaptation"])
    assert recipes["LLaMA-7B"] == (3, "cosine", ["adaptation"])
    assert {paper.line_of(point) for point in paper.points} == {"encoder-decoder", "decoder-only"}


def test_overrides_go_to_the_sweep_or_to_every_point(files: Files, root: Path) -> None:
    changed = files.sweep("name=other", "decode.mode=guided", "execution.threads=2")
    assert changed.points[0].experiment.name == "other-one-1"
    assert {point.experiment.decode.mode for point in changed.points} == {"guided"}
    demo = files.sweep(f"base={root}/params/demo.yaml")
    backbone = demo.points[0].experiment.backbone
    assert backbone and backbone.name == "SmolLM2-135M"
    with pytest.raises(InputError, match=r"decode.beams=3: decode.beams is set by the axis beams"):
        files.sweep("decode.beams=3")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"shown": []}, r"toy.yaml: shown: unknown key; allowed: axes, base, device, figure, fixed"),
        ({"base": None}, r"base: missing; name an experiment file"),
        ({"base": "none.yaml"}, r"none.yaml: cannot be read"),
        ({"axes": {}}, r"toy.yaml: axes: .*at least 1 item"),
        ({"axes": {"beams": {"one": {}}}}, r"toy.yaml: axes.beams.one: .*at least 1 item"),
        ({"axes": {"b": {"17": {"decode.beams": 17}}}}, r"toy.yaml: b=17: decode.beams: .*got 17"),
        (
            {"axes": {"b": {"x": {"decode.beems": 1, "decode.beams": 1}}}},
            r"b=x: decode.beems: unknown key; allowed: beams, .*; did you mean beams",
        ),
        (
            {"axes": {"b": {"x": {"decoding.beams": 1, "decode.beams": 1}}}},
            r"axes.b.x.decoding.beams: no section 'decoding'",
        ),
        ({"seeds": "runs"}, r"seeds: no axis 'runs'; there are: beams, seed"),
        ({"figure": "context"}, r"figure: no axis sets system.context"),
        ({"figure": "pie"}, r"figure: Input should be 'parameters', 'beams'"),
        ({"show": ["zero-shot/accuracy"]}, r"show.0: .*got 'zero-shot/accuracy'"),
        (
            {"fixed": {"stages.finetuning": None, "tests.supervised": None, "tests.baseline": None},
             "show": ["supervised/f1"]},
            r"show: beams=one, seed=1 has no test supervised; there are: zero-shot",
        ),
        ({"fixed": {"stages.finetuning": None}}, r"tests.supervised.of: no stage 'finetuning'"),
        (
            {"axes": {"a": {"1": {"decode.beams": 1}}, "b": {"1": {"decode.beams": 2}}}},
            r"axes.b sets decode.beams, and axes.a decode.beams; leave one of them out",
        ),
        (
            {"fixed": {"decode": {"beams": 1}}, "axes": {"b": {"1": {"decode.beams": 2}}}},
            r"axes.b sets decode.beams, and fixed decode; leave",
        ),
        (
            {"axes": {"b": {"1": {"decode": {"beams": 2}, "decode.beams": 3}}}},
            r"axes.b.1 sets both decode and decode.beams",
        ),
        (
            {"axes": {"b": {"1": {"decode.beams": 2}, "2": {"decode.beams": 2}}}},
            r"axes.b: '1' and '2' set the same",
        ),
        (
            {"axes": {"b": {"x y": {"decode.beams": 1}, "x-y": {"decode.beams": 2}}}},
            r"b=x y and b=x-y are both named toy-x-y",
        ),
    ],
)  # fmt: skip
def test_a_bad_sweep_is_named_with_file_and_place(
    files: Files, changed: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        files.read(**changed)


def test_a_study_reads_its_parts_and_hands_overrides_on(files: Files, tiny: Path) -> None:
    files.read()
    study = files.folder / "study.yaml"
    study.write_text(yaml.safe_dump({"name": "all", "parts": [str(tiny), "toy.yaml"]}))
    found = read_runnable(study, overrides=["decode.mode=guided", "name=both"])
    assert isinstance(found, Study)
    assert found.name == "both"
    tiny_one, sweep = found.parts
    assert isinstance(sweep, Sweep) and not isinstance(tiny_one, Sweep)
    assert tiny_one.decode.mode == sweep.points[0].experiment.decode.mode == "guided"
    for parts, message in (
        (["study.yaml"], "study.yaml is a study itself"),
        (["toy.yaml", "toy.yaml"], "two are named 'toy'"),
        (["other.yaml"], "other.yaml: cannot be read"),
    ):
        study.write_text(yaml.safe_dump({"name": "all", "parts": parts}))
        with pytest.raises(InputError, match=message):
            read_runnable(study, overrides=[])


def test_a_file_that_is_nothing_of_all_that_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("points: 3")
    with pytest.raises(InputError) as fault:
        read_runnable(tmp_path / "x.yaml", overrides=[])
    missing, unknown = str(fault.value).splitlines()
    assert missing == f"{tmp_path}/x.yaml: missing: name, corpora"
    assert unknown.startswith(
        f"{tmp_path}/x.yaml: points: unknown key; allowed: backbone, corpora,"
    )


def test_the_study_of_the_paper_has_every_backbone_seed_and_beam_size(root: Path) -> None:
    found = read_runnable(root / "params" / "paper" / "full.yaml", overrides=[])
    assert isinstance(found, Study)
    sweeps = {part.name: part for part in found.parts if isinstance(part, Sweep)}
    assert len(found.parts) - len(sweeps) == 6
    sizes = {name: len(sweep.points) for name, sweep in sweeps.items()}
    assert sizes == {
        "paper-zero-shot": 6 * 5,
        "paper-beam-size": 6 * 4,
        "paper-scaling-law": 5,
        "paper-schema-ablation": 13,
        "paper-matching-ablation": 2 * 4,
    }
    first = sweeps["paper-schema-ablation"].points[0].experiment
    assert first.backbone and first.backbone.name == "Flan-T5-large"
    zero_shot = first.tests["zero-shot"].data
    assert (first.stages["adaptation"].data.per_corpus, zero_shot.per_corpus) == (10_000, 200)
    assert (len(zero_shot.corpora), zero_shot.split) == (5, "valid")
    assert "BIOES, full context" in {
        point.labels["target"] for point in sweeps["paper-schema-ablation"].points
    }


def test_studies_of_systems_have_every_released_checkpoint_and_every_schema(root: Path) -> None:
    paper = root / "params" / "paper"
    compared = read_runnable(paper / "compared.yaml", overrides=[])
    assert isinstance(compared, Sweep)
    files = {file.name for file in (root / "params" / "models" / "released").glob("*.yaml")}
    named: set[str] = set()
    for point in compared.points:
        zero_shot, supervised = (point.experiment.tests[n] for n in ("zero-shot", "supervised"))
        assert isinstance(zero_shot.of, StoredCheckpoint)
        assert zero_shot.of == supervised.of
        model = read_model_file(Path(str(zero_shot.of.checkpoint)))
        assert point.labels["checkpoint"] == model.name
        assert model.system and model.system.kind == point.experiment.system.kind
        assert (len(zero_shot.data.corpora), len(supervised.data.corpora)) == (7, 18)
        named.add(Path(str(zero_shot.of.checkpoint)).name)
    assert named == files
    schemas = read_runnable(paper / "same-backbone.yaml", overrides=[])
    assert isinstance(schemas, Sweep)
    trained = {
        (point.experiment.backbone.name, point.experiment.system.kind)
        for point in schemas.points
        if point.experiment.backbone
    }
    assert {kind for name, kind in trained if name == "LLaMA-7B"} == {
        *("gner", "uniner", "instructuie", "gollie")
    }
    assert {kind for name, kind in trained if name == "Flan-T5-large"} == {
        *("gner", "instructuie", "gollie")
    }


def test_check_tells_files_apart(root: Path) -> None:
    params = root / "params"
    assert check_file(params / "sweeps" / "beam-size.yaml") == "sweep"
    assert check_file(params / "paper" / "full.yaml") == "study"
    assert check_file(params / "paper" / "flan-t5-large.yaml") == "experiment"
