"""What tells runs of one file apart: their name, and the name of their report's file."""

from pathlib import Path

from flows.running.command import FILE_CHARACTERS, Command


def test_a_run_without_changes_is_named_as_its_experiment() -> None:
    plain = Command("params/tiny.yaml", [])
    assert (plain.titled("tiny"), plain.file_name("tiny")) == ("tiny", "tiny")
    assert plain.line == "gner run params/tiny.yaml"


def test_changes_are_in_the_order_of_their_keys_and_the_last_of_one_key_counts() -> None:
    given = ["name=other", "match.mode=paper", "decode.beams=2", "decode.beams=4"]
    changed = Command("a b.yaml", given)
    assert changed.titled("other") == "other, decode.beams=4, match.mode=paper"
    assert changed.file_name("other") == "other-decode.beams=4-match.mode=paper"
    assert changed.line.startswith("gner run 'a b.yaml' --set name=other --set match.mode=paper")


def test_a_value_that_the_file_or_a_default_has_already_is_no_change(root: Path) -> None:
    same = ["decode.mode=free", "decode.beams=1", "stages.adaptation.train.epochs=2"]
    tiny = str(root / "params" / "tiny.yaml")
    assert Command(tiny, same).titled("tiny") == "tiny"
    assert Command(tiny, [*same, "decode.beams=2"]).titled("tiny") == "tiny, decode.beams=2"
    sweep = Command(str(root / "params" / "sweeps" / "beam-size.yaml"), ["decode.beams=1"])
    assert sweep.titled("beam-size") == "beam-size, decode.beams=1"  # its points may have others


def test_of_values_that_overlap_the_one_that_holds_names_the_run(root: Path) -> None:
    tiny = str(root / "params" / "tiny.yaml")
    inner, outer = "decode.beams=4", "decode={beams: 2}"
    assert Command(tiny, [inner, outer]).titled("tiny") == f"tiny, {outer}"
    assert Command(tiny, [outer, inner]).titled("tiny") == f"tiny, {outer}, {inner}"


def test_names_of_files_stay_short_safe_and_apart() -> None:
    values = ["../x/../../etc", "..-x-..-..-etc", "a" * 300, "a" * 301]
    names = [Command("f.yaml", [f"backbone={value}"]).file_name("tiny") for value in values]
    assert len({*names}) == len(values)
    assert not [name for name in names if "/" in name or len(name) > FILE_CHARACTERS + 7]
