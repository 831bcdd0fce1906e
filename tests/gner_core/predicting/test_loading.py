"""`gner_core.load` of checkpoints that gner did not train: pickled shards, bfloat16, odd tokenizers."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import gner_core
from gner_core.backbones.encoder import Encoder
from gner_core.backbones.importing import import_backbone
from gner_core.backbones.load import load_model, load_tokenizer
from gner_core.config.backbone import FolderSource
from gner_core.errors import InputError
from gner_core.predicting.finders.labels import LabelFinder
from gner_core.systems.gner.targets import BIO
from tests.gner_core.conftest import TinyModel
from tests.gner_core.foreign import WEIGHTS, change_json, foreign_copy, models_file

TEXT = "Ada Lovelace flew to Rome."


class Code:
    """What unpickling would run."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("code ran",)


def imported(model: TinyModel, source: Path, folder: Path) -> Path:
    folder.mkdir()
    params = model.backbone.model_copy(
        update={"source": FolderSource(kind="folder", path=str(source))}
    )
    import_backbone(params, folder=folder, texts=())
    return folder


@pytest.mark.parametrize("shards", [0, 1, 3])
def test_plain_folders_are_used_for_predictions(
    tiny_model: TinyModel, tmp_path: Path, shards: int
) -> None:
    folder = foreign_copy(tiny_model, tmp_path / "plain", shards=shards)
    about = models_file(tiny_model, tmp_path / "about.yaml")
    files = {*folder.iterdir()}
    model = gner_core.load(folder, about=about)
    assert isinstance(model.finder, LabelFinder)
    tokenizer = model.finder.encoder.tokenizer
    assert tokenizer.pad_token_id == tokenizer.eos_token_id
    (found,) = model.predict([TEXT], ["person", "city"])
    assert all(TEXT[one.start : one.end] == one.text for one in found)
    assert {*folder.iterdir()} == files  # nothing is written beside foreign weights
    whole = tmp_path / "whole.yaml"
    models_file(tiny_model, whole, source={"kind": "folder", "path": "plain"})
    assert gner_core.load(whole).predict([TEXT], ["person", "city"]) == [found]


def test_pickled_shards_become_the_same_safetensors(tiny_model: TinyModel, tmp_path: Path) -> None:
    one = imported(tiny_model, foreign_copy(tiny_model, tmp_path / "a", shards=1), tmp_path / "one")
    source = foreign_copy(tiny_model, tmp_path / "b", shards=3)
    (source / "pytorch_model-00009-of-00009.bin").write_bytes(b"left by an earlier upload")
    (source / "training_args.bin").write_bytes(b"not weights")
    three = imported(tiny_model, source, tmp_path / "three")
    assert not [*three.glob("*.bin*")]
    assert len([*three.glob("model-0000*-of-00003.safetensors")]) == 3
    whole = load_file(one / WEIGHTS)
    parts = {name: w for file in three.glob("*.safetensors") for name, w in load_file(file).items()}
    assert {w.dtype for w in whole.values()} == {torch.bfloat16}
    assert whole.keys() == parts.keys()
    assert all(torch.equal(parts[name], w) for name, w in whole.items())
    models = [load_model(folder, tiny_model.backbone, dtype="float32") for folder in (one, three)]
    for a, b in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(a, b)


def test_tied_weights_and_views_are_written_out(tiny_model: TinyModel, tmp_path: Path) -> None:
    source = foreign_copy(tiny_model, tmp_path / "tied", shards=1)
    weights = torch.load(source / "pytorch_model.bin", weights_only=True)
    first = next(name for name, w in weights.items() if w.dim() == 2)
    tied = "lm_head.weight"
    table = next(n for n in ("shared.weight", "model.embed_tokens.weight") if n in weights)
    weights[tied] = weights[table]
    weights[first] = torch.stack([weights[first], weights[first] + 1])[0]  # part of a larger memory
    torch.save(weights, source / "pytorch_model.bin")
    folder = imported(tiny_model, source, tmp_path / "imported")
    written = load_file(folder / WEIGHTS)
    assert torch.equal(written[tied], written[table])
    assert torch.equal(written[first], weights[first])
    load_model(folder, tiny_model.backbone, dtype="float32")


def test_what_a_pickle_holds_beside_weights_is_refused_and_never_run(
    tiny_llama: TinyModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = foreign_copy(tiny_llama, tmp_path / "source", shards=1)
    file = source / "pytorch_model.bin"
    about = models_file(tiny_llama, tmp_path / "about.yaml")
    for content, reason in (
        ({"w": Code()}, "not read: damaged, or more than weights"),
        ([torch.ones(2)], "holds more than named weights"),
        ({"w": torch.ones(2), "step": 3}, "holds more than named weights"),
    ):
        torch.save(content, file)
        with pytest.raises(InputError, match=reason) as caught:
            gner_core.load(source, about=about)
        assert len(str(caught.value).splitlines()) == 1
    file.write_bytes(b"PK cut off")
    with pytest.raises(InputError, match="not read: damaged"):
        gner_core.load(source, about=about)
    file.unlink()
    with pytest.raises(InputError, match="no weights, neither"):
        gner_core.load(source, about=about)
    assert "code ran" not in capsys.readouterr().out


def test_an_index_names_its_shards_and_no_other_place(
    tiny_llama: TinyModel, tmp_path: Path
) -> None:
    source = foreign_copy(tiny_llama, tmp_path / "source", shards=2)
    about = models_file(tiny_llama, tmp_path / "about.yaml")
    second = "pytorch_model-00002-of-00002.bin"
    (source / second).rename(tmp_path / second)
    with pytest.raises(InputError, match=f"lacks the weights {second}"):
        gner_core.load(source, about=about)
    index = source / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": {"w": f"../{second}"}}))
    with pytest.raises(InputError, match="which is no file beside it"):
        gner_core.load(source, about=about)


@pytest.mark.parametrize("name", ["LLaMATokenizer", "LlamaTokenizer", "TokenizersBackend"])
def test_tokenizers_under_other_names(tiny_llama: TinyModel, tmp_path: Path, name: str) -> None:
    """As older and newer versions of transformers call the class of one and the same tokenizer."""
    folder = foreign_copy(tiny_llama, tmp_path / "plain")
    pair = (("Ada", "été", "(B-x)"), ("person",))
    as_it_was = load_tokenizer(folder)
    change_json(folder / "tokenizer_config.json", tokenizer_class=name)
    said = models_file(tiny_llama, tmp_path / "about.yaml")
    finder = gner_core.load(folder, about=said).finder
    assert isinstance(finder, LabelFinder)
    assert finder.encoder.prompts([pair]) == Encoder(as_it_was, tiny_llama.backbone, BIO).prompts(
        [pair]
    )


def test_a_tokenizer_of_a_sentencepiece_model_alone(shared: Path, tmp_path: Path) -> None:
    whole = shared / "tokenizers" / "t5"
    for name in ("spiece.model", "special_tokens_map.json", "tokenizer_config.json"):
        shutil.copy(whole / name, tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "t5", "vocab_size": 32128}')
    texts = ["New York(B-location) {flew}(O)", "Zoë\nwaves"]
    assert load_tokenizer(tmp_path)(texts)["input_ids"] == load_tokenizer(whole)(texts)["input_ids"]


def test_what_a_checkpoint_is_must_be_said_wholly(tiny_llama: TinyModel, tmp_path: Path) -> None:
    folder = foreign_copy(tiny_llama, tmp_path / "plain")
    with pytest.raises(InputError, match=r"plain: not a checkpoint of gner, it holds no gner.json, so that nothing says name, .*prompt_before.* and system; give them .*--about FILE"):  # fmt: skip
        gner_core.load(folder)
    part = models_file(tiny_llama, tmp_path / "part.yaml", family=None, prompt_after=None)
    with pytest.raises(InputError, match=r"part.yaml: missing: family, prompt_after$"):
        gner_core.load(folder, about=part)
    wrong = models_file(tiny_llama, tmp_path / "wrong.yaml", family="encoder_decoder")
    with pytest.raises(InputError, match="cannot load tiny"):
        gner_core.load(folder, about=wrong)
    shutil.copy(tiny_llama.folder / WEIGHTS, folder)
    save_file({"other": torch.ones(2)}, folder / WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(InputError, match="weights are missing"):
        gner_core.load(folder, about=models_file(tiny_llama, tmp_path / "about.yaml"))
