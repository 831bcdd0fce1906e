"""Plans of systems beside gner: what is refused, what is in which key, what a checkpoint says."""

from pathlib import Path

import pytest

from gner_core.config.checkpoint import VERSION, Description, describe
from gner_core.config.experiment import Experiment
from gner_core.config.reading.files import read_experiment
from gner_core.config.systems.gner import TargetForm
from gner_core.errors import InputError
from gner_core.systems.gner.targets import BIO
from tasks.plans.experiment import Plan, plan_experiment
from tests.gner_core.generation.test_texts import GOLLIE

BASE = """
name: mine
extends: {params}/tiny-llama.yaml
"""


def experiment(place: Path, root: Path, text: str, *overrides: str) -> Experiment:
    file = place / "mine.yaml"
    file.write_text(BASE.format(params=root / "params") + text)
    return read_experiment(file, overrides=overrides)


def plan(place: Path, root: Path, text: str, *overrides: str) -> Plan:
    return plan_experiment(experiment(place, root, text, *overrides))


def keys(found: Plan) -> tuple[str, str, str]:
    score = found.tests["zero-shot"]
    train = found.stages["adaptation"]
    return train.ref.key, score.predictions.ref.key, score.ref.key


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GNER_HOME", str(tmp_path / "home"))


def test_defaults_follow_the_system_and_say_that_they_are_defaults(
    tmp_path: Path, root: Path
) -> None:
    found = experiment(tmp_path, root, "system: {kind: uniner}")
    assert (found.decode.mode, found.match) == ("free", None)  # type: ignore[union-attr]
    assert {"decode.mode", "match", "system.ask"} <= found.defaulted
    gner = experiment(tmp_path, root, "system: {kind: gner}")
    assert gner.decode.mode == "guided"  # type: ignore[union-attr]
    assert gner.match is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "decode: {mode: guided}",
            "decode.mode: only gner can be guided, and the system is uniner",
        ),
        (
            "match: {mode: gner, back_tokenization: true}",
            "match: only gner matches words, uniner reads its answers itself; set null",
        ),
        (
            "backbone: {params}/models/tiny-t5.yaml",
            "system.kind: uniner is learned from texts with several answers, which needs",
        ),
        (
            f"tests: {{zero-shot: {{system: {GOLLIE.model_dump_json()}}}}}",
            "tests.zero-shot.system.kind: gollie, and the experiment's system is uniner",
        ),
    ],
)
def test_what_means_nothing_for_a_system_is_refused(
    tmp_path: Path, root: Path, text: str, message: str
) -> None:
    text = text.replace("{params}", str(root / "params"))
    with pytest.raises(InputError) as error:
        experiment(tmp_path, root, f"system: {{kind: uniner}}\n{text}")
    assert message in str(error.value)


def test_gner_needs_match(tmp_path: Path, root: Path) -> None:
    with pytest.raises(InputError, match="match: missing; the system gner needs it"):
        experiment(tmp_path, root, "match: null")


def test_only_what_matters_is_in_a_key(tmp_path: Path, root: Path) -> None:
    text = "system: {kind: instructuie}"
    plain = keys(plan(tmp_path, root, text))
    shorter = keys(plan(tmp_path, root, text, "system.answer_tokens=50"))
    assert [a == b for a, b in zip(plain, shorter, strict=True)] == [True, False, False]
    without = keys(plan(tmp_path, root, text, "system.auxiliary=0.0"))
    assert without[0] != plain[0]
    other = keys(plan(tmp_path, root, text, "backbone.prompt_before=USER "))
    assert other[1] == plain[1]  # only gner's prompts have that frame


def test_the_content_of_a_file_is_in_the_keys_and_its_place_is_not(
    tmp_path: Path, root: Path
) -> None:
    text = "system: {kind: uniner, type_names: names.yaml}"
    (tmp_path / "names.yaml").write_text("musical artist: singer\n")
    first = keys(plan(tmp_path, root, text))
    (tmp_path / "names.yaml").rename(tmp_path / "moved.yaml")
    assert keys(plan(tmp_path, root, text.replace("names.yaml", "moved.yaml"))) == first
    (tmp_path / "moved.yaml").write_text("musical artist: musician\n")
    assert keys(plan(tmp_path, root, text.replace("names.yaml", "moved.yaml"))) != first
    with pytest.raises(InputError, match=r"none\.yaml: no such file; system\.type_names names it"):
        keys(plan(tmp_path, root, text.replace("names.yaml", "none.yaml")))


def test_a_test_may_ask_in_another_way_than_the_training(tmp_path: Path, root: Path) -> None:
    text = "system: {kind: uniner}"
    plain = plan(tmp_path, root, text)
    turns = plan(tmp_path, root, text + "\ntests: {zero-shot: {system: {ask: conversation}}}")
    assert turns.stages["adaptation"].ref == plain.stages["adaptation"].ref
    written = turns.tests["zero-shot"].predictions
    assert dict(written.system) == {
        **dict(plain.stages["adaptation"].system),
        "ask": "conversation",
    }
    assert written.ref != plain.tests["zero-shot"].predictions.ref


NAMES = "tests: {zero-shot: {system: {type_names: names.yaml}}}"


def test_a_test_of_gner_may_call_types_otherwise_and_nothing_else(
    tmp_path: Path, root: Path
) -> None:
    (tmp_path / "names.yaml").write_text("musical artist: singer\n")
    plain, named = keys(plan(tmp_path, root, "")), keys(plan(tmp_path, root, NAMES))
    assert [a == b for a, b in zip(plain, named, strict=True)] == [True, False, False]
    everywhere = plan(tmp_path, root, "system: {type_names: names.yaml}")
    assert keys(everywhere) == named  # it is for tests alone
    with pytest.raises(InputError, match=r"tests\.zero-shot\.system: what a model of gner writes"):
        experiment(tmp_path, root, "tests: {zero-shot: {system: {labels: BIOES}}}")


def test_orders_of_types_are_in_the_keys_where_they_are_not_shuffled(
    tmp_path: Path, root: Path
) -> None:
    plain = keys(plan(tmp_path, root, ""))
    assert keys(plan(tmp_path, root, "", "decode.type_order=shuffled")) == plain
    tested = keys(plan(tmp_path, root, "", "decode.type_order=listed"))
    assert [a == b for a, b in zip(plain, tested, strict=True)] == [True, False, False]
    trained = keys(plan(tmp_path, root, "", "stages.adaptation.train.type_order=alphabetical"))
    assert trained[0] != plain[0]


def stored(place: Path, found: Experiment, *, target: TargetForm | None = None) -> None:
    place.mkdir()
    assert found.backbone is not None
    about = Description(
        version=VERSION,
        backbone=found.backbone,
        target=target,
        system=None if target else found.system,
        types=(),
    )
    describe(place, about)
    (place / "model.safetensors").write_bytes(b"weights")


TEST_OF = "stages: {adaptation: null}\ntests: {zero-shot: {of: {checkpoint: made}}}"


def test_a_stored_checkpoint_says_its_system(tmp_path: Path, root: Path) -> None:
    stored(tmp_path / "made", experiment(tmp_path, root, "system: {kind: uniner, faithful: true}"))
    found = plan(tmp_path, root, f"system: {{kind: uniner, answer_tokens: 9}}\n{TEST_OF}")
    system = dict(found.tests["zero-shot"].predictions.system)
    assert system["faithful"] is True  # of the checkpoint: the file leaves it out
    assert system["answer_tokens"] == 9  # of the file
    with pytest.raises(InputError) as error:
        plan(tmp_path, root, TEST_OF)
    assert "was trained for the system uniner, and the experiment's is gner" in str(error.value)


def test_a_stored_checkpoint_of_gner_may_be_asked_for_types_by_other_names(
    tmp_path: Path, root: Path
) -> None:
    stored(tmp_path / "made", experiment(tmp_path, root, ""), target=BIO)
    (tmp_path / "names.yaml").write_text("musical artist: singer\n")
    plain = plan(tmp_path, root, TEST_OF).tests["zero-shot"].predictions
    named = plan(tmp_path, root, f"system: {{type_names: names.yaml}}\n{TEST_OF}")
    asked = named.tests["zero-shot"].predictions
    assert asked.system == plain.system.model_copy(  # of the checkpoint, but for the names
        update={"type_names": str(tmp_path / "names.yaml")}
    )
    assert asked.ref != plain.ref
