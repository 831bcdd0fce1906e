"""Hours, memory and energy, by hand on a toy device; the paper's own speeds as a check."""

import json
from pathlib import Path
from typing import Any

import pytest

from gner_core.config.backbone import BackboneParams
from gner_core.config.costs import DeviceProfile, EnergyParams
from gner_core.config.reading.costs import ENERGY, LENGTHS, named_device, read_lengths
from gner_core.config.reading.files import read_catalog, read_params
from gner_core.config.systems.any import DecodeParams
from gner_core.config.training import LoraParams, TrainParams
from gner_core.costs.devices import read_device
from gner_core.costs.estimate import Volume, footprint, generation_cost, training_cost
from gner_core.costs.memory import Spread, fitting, fixed_bytes
from gner_core.errors import InputError
from gner_core.reports.paper.numbers import MODELS, find, paper_gpu_hours, paper_kg

ALONE = Spread(processes=1, zero=0, offload=False)
GREEDY = DecodeParams(mode="free", beams=1, too_long="skip", seed=1)


def backbone(root: Path, name: str) -> BackboneParams:
    return read_params(BackboneParams, root / "params" / "models" / f"{name}.yaml")


def device(**changes: Any) -> DeviceProfile:
    """A device of 1 TFLOP/s that reads 1 GB/s; half of its peak is used."""
    values: dict[str, Any] = {
        "name": "toy",
        "flops": {"float32": 1e12},
        "utilisation": {"float32": 0.5},
        "memory_bytes": 1e9,
        "bandwidth": 1e9,
        "watts": 100,
        "seconds_per_layer": 1e-9,
        "assumed": "",
    }
    return DeviceProfile.model_validate({**values, **changes})


def train(root: Path, recipe: TrainParams, volumes: list[Volume], **changes: Any) -> Any:
    small = backbone(root, "flan-t5-small")
    values: dict[str, Any] = {
        "backbone": small,
        "shape": small.shape,
        "train": recipe,
        "validated": [],
        "device": device(),
        "micro_batch": 4,
        "spread": ALONE,
    }
    return training_cost(volumes, **{**values, **changes})


def test_training_takes_its_operations_over_what_is_used_of_the_peak(
    root: Path, recipe: TrainParams
) -> None:
    cost = train(root, recipe, [Volume(100, words=20, prompt=180, target=120)])
    # Flan-T5-small: an attention has 4*512*384 = 786,432 weights, a feed-forward layer 3*512*1024.
    attention, forward = 786_432, 1_572_864
    source = 8 * (attention + forward) + 8 * attention / 2
    target = 8 * (1.5 * attention + forward) + 512 * 32_128
    seen = 8 * 2 * 384 * (180 * 180 + 120 * 120 / 2 + 180 * 120)
    sentence = 6 * (180 * source + 120 * target + seen)
    assert cost.flops == pytest.approx(2 * 100 * sentence)  # two epochs
    assert cost.gpu_hours == pytest.approx(cost.flops / 0.5e12 / 3600)
    assert (cost.prompt_tokens, cost.target_tokens) == (36_000, 24_000)
    looked = train(root, recipe, [], validated=[Volume(100, words=20, prompt=180, target=120)])
    assert looked.flops == pytest.approx(cost.flops / 6)  # forward only, once


def test_training_memory_by_hand(root: Path, recipe: TrainParams) -> None:
    volumes = [Volume(100, words=20, prompt=180, target=120)]
    # 16 bytes a weight; 40 widths of 2 bytes in 16 layers, and 8 bytes of 32,128 logits, a token.
    token = 2 * 40 * 512 * 16 + 8 * 32_128
    assert train(root, recipe, volumes).memory_bytes == 16 * 76_961_152 + 4 * 1280 * token
    # As many as fit into 85 % of 10 GB: 7.27 GB are left, a sentence takes 1.17 GB.
    large = train(root, recipe, volumes, micro_batch="auto", device=device(memory_bytes=10e9))
    assert large.memory_bytes == 16 * 76_961_152 + 4 * 1280 * token
    assert fitting(7.27e9, longest=1280, per_token=token) == 4
    adapters = LoraParams(rank=8, alpha=16, dropout=0, target_modules=("q", "v"))
    lora = recipe.model_copy(update={"lora": adapters})
    assert train(root, lora, volumes).memory_bytes < 5 * 76_961_152 + 4 * 1280 * token


@pytest.mark.parametrize(
    ("zero", "offload", "bytes_per_weight"),
    [(0, False, 16), (1, False, 10), (2, False, 7), (3, False, 4), (3, True, 2)],
)
def test_zero_spreads_averages_then_gradients_then_weights(
    zero: int, offload: bool, bytes_per_weight: float
) -> None:
    spread = Spread(processes=4, zero=zero, offload=offload)
    assert fixed_bytes(1000, trained=1000, spread=spread) == 1000 * bytes_per_weight


def test_a_written_token_waits_for_the_slowest_of_products_memory_and_host(root: Path) -> None:
    small = backbone(root, "flan-t5-small")
    assert small.shape is not None

    def seconds(**changes: Any) -> float:
        cost = generation_cost(
            [Volume(8, words=20, prompt=0.001, target=100)],
            backbone=small,
            shape=small.shape,
            decode=GREEDY,
            batch=4,
            batch_tokens=65_536,
            device=device(**changes),
        )
        assert cost.gpu_hours is not None
        return cost.gpu_hours * 3600

    # Two batches of 100 passes; 8 decoder layers with 1 ms each, when all else is fast.
    host = seconds(flops={"float32": 1e18}, bandwidth=1e18, seconds_per_layer=1e-3)
    assert host == pytest.approx(2 * 100 * 8e-3, rel=1e-3)
    # Weights that are read: 8 layers with 786,432*1.5 + 1,572,864, and 512*32,128 logits, 4 bytes each;
    # keys and values of 50 tokens on average, 2*384 numbers in 8 layers, of 4 sentences.
    weights = 8 * (786_432 * 1.5 + 1_572_864) + 512 * 32_128
    cache = 4 * 2 * 384 * 8 * 50.001 * 4
    memory = seconds(flops={"float32": 1e18})
    assert memory == pytest.approx(2 * 100 * (4 * weights + cache) / 1e9, rel=1e-6)
    # Products of 8 sentences, two operations a weight and token.
    products = seconds(bandwidth=1e18)
    attention = 8 * 2 * 2 * 384 * 100 * 50
    assert products == pytest.approx(8 * (2 * 100 * weights + attention) / 0.5e12, rel=1e-4)


def test_guided_decoding_takes_a_pass_a_word_and_beams_multiply_rows(root: Path) -> None:
    small = backbone(root, "flan-t5-small")
    assert small.shape is not None
    host = device(flops={"float32": 1e18}, bandwidth=1e18, seconds_per_layer=1e-3)

    def cost(decode: DecodeParams) -> Any:
        return generation_cost(
            [Volume(8, words=20, prompt=200, target=100)],
            backbone=small,
            shape=small.shape,
            decode=decode,
            batch=4,
            batch_tokens=65_536,
            device=host,
        )

    guided = GREEDY.model_copy(update={"mode": "guided"})
    assert cost(guided).gpu_hours == pytest.approx(cost(GREEDY).gpu_hours / 5, rel=1e-3)
    wide = cost(GREEDY.model_copy(update={"beams": 4}))
    assert 2 < wide.flops / cost(GREEDY).flops < 4  # prompts are read once
    assert wide.target_tokens == cost(GREEDY).target_tokens == 800


def test_speeds_of_table_4_are_met_where_models_are_small(root: Path) -> None:
    """The paper: 8 devices with batch 4 each, instances a second over its test sentences."""
    table = read_lengths(LENGTHS)["t5"]
    names = ("crossner-ai", "crossner-literature", "crossner-music", "crossner-politics")
    tests = (*names, "crossner-science", "mit-movie", "mit-restaurant")
    sentences = (431, 416, 465, 651, 543, 2443, 1521)
    volumes = [
        Volume(count, table[name].words, table[name].prompt, table[name].target)
        for name, count in zip(tests, sentences, strict=True)
    ]
    for name in ("small", "base", "large"):
        params = backbone(root, f"flan-t5-{name}")
        assert params.shape is not None
        cost = generation_cost(
            volumes,
            backbone=params,
            shape=params.shape,
            decode=GREEDY,
            batch=4,
            batch_tokens=65_536,
            device=named_device("A100-80G"),
        )
        assert cost.gpu_hours is not None
        speed = 8 * sum(sentences) / (3600 * cost.gpu_hours)
        row = next(find("Table 4", system=MODELS[params.name], metric="instances_per_s"))
        assert speed == pytest.approx(row.value, rel=0.35), name


def test_energy_of_the_papers_hours_is_the_papers_carbon() -> None:
    kwh, kg = footprint(paper_gpu_hours(), watts=400, energy=read_params(EnergyParams, ENERGY))
    assert kwh == pytest.approx(800 * 0.4 * 1.1)
    assert kg == pytest.approx(paper_kg(), rel=0.01)


def test_measured_figures_stand_for_those_of_a_profile(root: Path, tmp_path: Path) -> None:
    rounds = [
        {
            "dtype": "float32",
            "flops_per_second": used,
            "peak_flops_per_second": 1e11,
            "device": "CPU",
        }
        for used in (5e10, 7e10, 6e10)
    ]
    (tmp_path / "train.json").write_text(json.dumps({"plain": rounds, "gner": rounds}))
    row = {"mode": "guided", "beams": 1, "figures": {"words": 100, "seconds": 5, "parameters": 50}}
    (tmp_path / "generate.json").write_text(json.dumps([row]))
    files = [str(tmp_path / name) for name in ("train.json", "generate.json")]
    measured = read_device(files)
    assert measured.utilisation == {"float32": 0.6}
    assert (measured.memory_bytes, measured.watts) == (None, None)
    both = read_device(["A100-80G", *files])
    assert (both.watts, both.utilisation["float32"]) == (400, 0.6)
    small = backbone(root, "flan-t5-small").model_copy(update={"parameters": 100})
    assert small.shape is not None
    cost = generation_cost(
        [Volume(36, words=10, prompt=200, target=100)],
        backbone=small,
        shape=small.shape,
        decode=GREEDY.model_copy(update={"mode": "guided"}),
        batch=4,
        batch_tokens=65_536,
        device=measured,
    )
    assert cost.gpu_hours == pytest.approx(
        36 * 10 / 10 / 3600
    )  # twice the size, half of 20 words/s


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (["B200"], "--device B200: not known; known: A100-80G, H100-SXM, H200, L40S"),
        (["../models/llama-7b"], "not known; known"),
        (["A100-80G", "H200"], "--device H200: name a device once"),
        (["none.json"], "none.json: no figures of gner bench train"),
    ],
)
def test_what_is_no_device_is_one_line(sources: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message.replace("+", r"\+")):
        read_device(sources)


def test_every_corpus_of_the_catalog_has_lengths_in_both_vocabularies(root: Path) -> None:
    catalog = read_catalog(root / "params" / "corpora" / "published")
    for column in read_lengths(LENGTHS).values():
        assert column.keys() == catalog.keys()
        assert column["pile-ner"].stand_in
        assert column["pile-ner"].pieces * 45_889 == pytest.approx(105_659, rel=0.01)


def test_a_stand_in_must_be_measured(tmp_path: Path) -> None:
    file = tmp_path / "lengths.yaml"
    file.write_text("t5:\n  a: { like: [b] }\n  b: { like: [a] }\n")
    with pytest.raises(InputError, match="names a corpus that is not measured"):
        read_lengths(file)
