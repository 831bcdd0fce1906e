"""Tagged sentences of a user's own file, with the types that `gner test` and `gner tune` look for."""

from pathlib import Path

import pytest

from tasks.standalone.predict import sentences_to_test

FILE = "Ada\tB-Élue\nwaves\tO\nin\tO\nRome\tB-LOC\n\nBo\tB-Élue\nwaits\tO\n"


@pytest.mark.parametrize("name", ["Élue", "élue", "e\u0301LUE", " Élue"])
def test_a_type_is_meant_however_it_is_written(tmp_path: Path, name: str) -> None:
    file = tmp_path / "own.tsv"
    file.write_text(FILE, encoding="utf-8")
    looked_for = sentences_to_test(file, [name], without=["loc"])
    assert {sentence.types for sentence in looked_for.sentences} == {("Élue",)}
    left_out = sentences_to_test(file, ["location"], without=[name])
    assert {sentence.types for sentence in left_out.sentences} == {("location",)}
