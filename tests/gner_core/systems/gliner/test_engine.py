"""The engine with a tiny random model, where GLiNER's environment is installed."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gner_core.config.systems.gliner import GlinerSystem
from gner_core.errors import InputError
from gner_core.records import Sentence
from gner_core.systems.gliner.engine import Gliner, GlinerReader, skipped
from gner_core.systems.gliner.process import Child


def sentence(text: str, *types: str) -> Sentence:
    words = tuple(text.split())
    return Sentence(text[:20], "made", words, ("O",) * len(words), types)


SENTENCES = (
    sentence("Ada Lovelace ( 1815-1852 ) was born in London .", "person", "location"),
    sentence("rock'n'roll state-of-the-art U.S.A. 'tis C++ e.g.", "music genre"),
    sentence("", "person"),
    sentence("Nobody asks for anything here ."),
    sentence("Grüße aus Köln 🙂 日本", "location", "program language", "person"),
)


@pytest.fixture(scope="module")
def engine(params: GlinerSystem, tiny: Path, start: Sequence[str]) -> Iterator[Gliner]:
    how = {"batch": 2, "threads": 1, "dtype": "float32", "too_long": "skip"}
    with Gliner(params, model=tiny, start=start, **how) as opened:
        yield opened


def test_every_sentence_gets_an_output_in_order(engine: Gliner) -> None:
    outputs = engine.answer(SENTENCES)
    assert len(outputs) == len(SENTENCES)
    assert all(len(output) == 1 for output in outputs)
    candidates = [json.loads(output)["candidates"] for (output,) in outputs]
    assert candidates[2] == candidates[3] == []
    assert candidates[0] and candidates[4]
    for one, found in zip(SENTENCES, candidates, strict=True):
        assert all(0 <= start < end <= len(one.words) for start, end, _, _ in found)
        assert {kind for _, _, kind, _ in found} <= set(one.types)
        assert all(0.4 < score < 1 for *_, score in found)


def test_words_are_not_split_anew(engine: Gliner) -> None:
    """Its package would see sixteen tokens in the second sentence; spans count ours."""
    (output,) = engine.answer(SENTENCES[1:2])[0]
    assert max(end for _, end, _, _ in json.loads(output)["candidates"]) == 6


def test_a_batch_changes_nothing(engine: Gliner) -> None:
    together = engine.answer(SENTENCES)
    for one, (output,) in zip(SENTENCES, together, strict=True):
        ((alone,),) = engine.answer([one])
        both = [json.loads(text)["candidates"] for text in (output, alone)]
        assert [row[:3] for row in both[0]] == [row[:3] for row in both[1]]
        assert [row[3] for row in both[0]] == pytest.approx([row[3] for row in both[1]], abs=1e-5)


def test_entities_are_those_that_the_package_decodes(
    engine: Gliner, tiny: Path, start: Sequence[str], tmp_path: Path
) -> None:
    """The package itself, with our words: what a user of `predict_entities` would get."""
    script = tmp_path / "published.py"
    script.write_text(
        "import json, sys\n"
        "from gliner import GLiNER\n"
        "model = GLiNER.from_pretrained(sys.argv[1], local_files_only=True)\n"
        "print(json.dumps({'ok': True}), flush=True)\n"
        "for line in sys.stdin:\n"
        "    asked = json.loads(line)\n"
        "    row = [{'tokenized_text': asked['words'], 'ner': None}]\n"
        "    batch = model.collate_batch(row, [asked['types']])\n"
        "    (found,) = model.decode_batch(model.run_batch(batch), batch, threshold=0.4,\n"
        "        flat_ner=asked['flat'], multi_label=asked['multi_label'])\n"
        "    spans = [(s.start, s.end + 1, s.entity_type) for s in found]\n"
        "    print(json.dumps({'ok': True, 'spans': spans}), flush=True)\n"
    )
    with Child([start[0], str(script), str(tiny)]) as published:
        for one in (SENTENCES[0], SENTENCES[4]):
            (outputs,) = engine.answer([one])
            for flat, multi in ((True, False), (False, False), (True, True), (False, True)):
                update = {"flat": flat, "multi_label": multi}
                asked = {"words": one.words, "types": one.types, **update}
                theirs = published.ask(asked)["spans"]
                reader = GlinerReader(engine.params.model_copy(update=update))
                ours = reader.read(one.words, one.types, outputs)
                assert sorted(map(tuple, theirs)) == [tuple(span) for span in ours.spans]


def test_long_sentences_are_skipped_and_counted_or_an_error(
    engine: Gliner, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = sentence("word " * 385, "person")
    outputs = engine.answer([long, SENTENCES[0]])
    assert skipped(outputs[0]) == "385 words, the model takes at most 384"
    assert skipped(outputs[1]) is None
    assert engine.read(long.words, long.types, outputs[0]).unread
    monkeypatch.setattr(engine, "_too_long", "error")
    with pytest.raises(InputError, match=r"long: 385 words.*decode.too_long: skip"):
        engine.answer([replace(long, id="long")])


def test_folders_that_lack_a_file_or_name_code_are_refused(
    engine: Gliner, tiny: Path, tmp_path: Path
) -> None:
    load = {"do": "load", "dtype": "float32", "threads": 1}
    with pytest.raises(InputError, match=r"no gliner_config\.json"):
        engine.child.ask({**load, "model": str(tmp_path)})
    folder = shutil.copytree(tiny, tmp_path / "own-code")
    config = json.loads((folder / "gliner_config.json").read_text())
    config["encoder_config"]["auto_map"] = {"AutoModel": "theirs.Model"}
    (folder / "gliner_config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"gliner_config\.json: auto_map names code"):
        engine.child.ask({**load, "model": str(folder)})


def test_a_checkpoint_as_first_released_is_imported_whole(
    engine: Gliner, tiny: Path, tokenizer: Path, tmp_path: Path
) -> None:
    """Weights that torch wrote, no tokenizer, no config of the encoder."""
    old, encoder, made = (tmp_path / name for name in ("old", "encoder", "made"))
    shutil.copytree(tokenizer, encoder)
    config = json.loads((tiny / "gliner_config.json").read_text())
    (encoder / "config.json").write_text(json.dumps(config.pop("encoder_config")))
    first = {**config, "model_name": "theirs/encoder", "class_token_index": -1, "vocab_size": -1}
    old.mkdir()
    (old / "gliner_config.json").write_text(json.dumps(first))
    torch.save(load_file(tiny / "model.safetensors"), old / "pytorch_model.bin")
    asked = {"do": "complete", "source": str(old), "target": str(made)}
    with pytest.raises(InputError, match="give a folder of its encoder, theirs/encoder"):
        engine.child.ask({**asked, "encoder": None})
    engine.child.ask({**asked, "encoder": str(encoder)})
    assert not list(made.glob("*.bin"))
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (tiny, made))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
