"""`gner run --dry-run --device`: costs of a run that was made, and faults of the options."""

import json
import re
from pathlib import Path

import pytest

from tests.flows.conftest import Home

TINY = ("run", "params/tiny.yaml", "--dry-run")


def test_costs_stand_beside_key_and_state(tiny_home: Home, tmp_path: Path) -> None:
    rounds = [
        {
            "dtype": "float32",
            "flops_per_second": 2e9,
            "peak_flops_per_second": 1e11,
            "device": "CPU",
        }
    ]
    measured = tmp_path / "train.json"
    measured.write_text(json.dumps({"plain": rounds, "gner": rounds}))
    plain = tiny_home.gner(*TINY)
    done = tiny_home.gner(*TINY, "--device", "H200", "--device", str(measured), "--grid", "0.05")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    for line in plain.out.splitlines():
        if line.startswith("default "):
            assert line in lines
            continue
        state, kind, key, *title = line.split()
        (row,) = [one for one in lines if key in one]
        assert row.split()[:2] == [state, kind]
        assert " ".join(title) in row
    (adaptation,) = [line for line in lines if "  adaptation  (counted)" in line]
    (trained,) = [
        f
        for f in (tiny_home.folder / "store" / "train").glob("*/summary.json")
        if f.parent.name in adaptation
    ]
    learned = json.loads(trained.read_text())["tokens"]
    state, kind, _, tokens, flop, memory, hours = adaptation.split()[:7]
    assert (state, kind, tokens[-1], flop[-1], memory[-2:]) == (
        "published",
        "train",
        "k",
        "G",
        "MB",
    )
    assert 1000 * float(tokens[:-1]) == pytest.approx(learned, rel=0.15)
    assert float(flop[:-1]) / 2 / 3600 == pytest.approx(float(hours), rel=0.05)  # 2 GFLOP/s
    text = done.out
    assert "device     H200 (CPU, measured)" in text
    assert "float32: 0.1 TFLOP/s, 2% used in training" in text
    assert "pending    0 GPU hours" in text
    assert "grid 0.05 kg CO2eq/kWh" in text
    assert "paper      800 GPU hours of A100-80G for all its models, 135.3 kg CO2eq" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*TINY, "--device", "B200"), "--device B200: not known; known: A100-80G"),
        ((*TINY, "--grid", "0.1"), "--grid needs --device"),
        (("run", "params/tiny.yaml", "--device", "H200"), "--device and --grid need --dry-run"),
    ],
)
def test_faults_of_the_options_are_one_line(
    tiny_home: Home, arguments: tuple[str, ...], message: str
) -> None:
    done = tiny_home.gner(*arguments)
    assert done.code == 2
    (line,) = [line for line in done.err.splitlines() if line.startswith("gner: ")]
    assert message in line


def test_the_graph_of_the_paper_is_shown_before_anything_is_fetched(
    root: Path, tmp_path: Path
) -> None:
    done = Home(tmp_path, root).gner(
        "run", "params/paper/full.yaml", "--dry-run", "--device", "H200"
    )
    assert done.code == 0, done.err
    rows = [line for line in done.out.splitlines() if line.startswith("pending ")]
    assert sum(" corpus " in row for row in rows) == 24
    (pile,) = [row for row in rows if " corpus " in row and "  pile-ner  [" in row]
    assert "(after-fetching)" in pile
    assert not any(" ? " in row for row in rows)
    trained = [row for row in rows if " train " in row]
    # Six models: two stages, and stage 1 with four more seeds; 13 forms of the target (Table 1).
    assert len(trained) == 6 * (2 + 4) + 13
    parts = [line for line in done.out.splitlines() if re.match(r" +[\d.,]+  paper-", line)]
    total = next(line for line in done.out.splitlines() if line.startswith("total "))
    hours = [float(line.split()[0].replace(",", "")) for line in parts]
    assert len(hours) == 11
    assert sum(hours) == pytest.approx(float(total.split()[1].replace(",", "")), rel=0.01)


def test_a_dry_run_of_the_compared_systems_says_what_each_would_cost(
    tmp_path: Path, root: Path
) -> None:
    """On a machine that has fetched nothing, and with commits that nobody has pinned yet."""
    done = Home(tmp_path / "home", root).gner("run", "params/paper/compared.yaml", "--dry-run")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    written = [line for line in lines if line.split()[1:2] == ["generate"]]
    files = [*(root / "params" / "models" / "released").glob("*.yaml")]
    assert len(written) == 2 * len(files)
    assert not any(" ? " in line for line in written)
    hours = {line.split()[1]: line.split()[0] for line in lines if line.startswith("   ")}
    labels = {line.rpartition("[checkpoint=")[2].partition("]")[0] for line in written}
    assert {f"checkpoint={label}" for label in labels} <= hours.keys()
    corpora = {line.split()[3] for line in lines if line.startswith("pending  corpus")}
    assert len(corpora) == 23  # the MIT corpora are in both tables
    assert corpora <= hours.keys()
    assert all(float(hours[name]) > 0 for name in (*corpora, "checkpoint=GoLLIE-34B"))
    imported = [line for line in lines if line.split()[1:2] == ["backbone"]]
    assert len(imported) == len(files)
    assert any("(after-pinning)" in line for line in imported)
