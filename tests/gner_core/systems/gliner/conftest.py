"""The environment of GLiNER where it is installed, a tokenizer and a tiny random model."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from gner_core.config.reading.defaults import defaults
from gner_core.config.systems.gliner import GlinerSystem
from gner_core.systems.gliner.environment import command, look
from gner_core.systems.gliner.process import Child
from tasks.paths import home_folder

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ENCODER = {
    "model_type": "deberta-v2",
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "hidden_size": 32,
    "intermediate_size": 64,
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "type_vocab_size": 0,
    "vocab_size": 703,  # of the tokenizer below, and three markers
}
SHAPE = {"hidden_size": 32, "max_width": 12, "max_len": 384, "span_mode": "markerV0"}


@pytest.fixture(scope="session")
def start() -> list[str]:
    """How the child process of the installed environment is started."""
    found = look(home_folder())
    if found.state != "installed":
        pytest.skip(f"no GLiNER in {found.folder}: gner systems install gliner")
    return command(found.folder)


@pytest.fixture(scope="session")
def params() -> GlinerSystem:
    """Flat decoding at a threshold that random scores exceed often."""
    values = {**defaults()["systems"]["gliner"]["system"], "threshold": 0.4}
    return GlinerSystem.model_validate(values)


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A folder with a tokenizer in the way of BERT's, learned from a page of the manual."""
    pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    pieces.normalizer = normalizers.BertNormalizer()
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    learn = trainers.WordPieceTrainer(vocab_size=700, special_tokens=SPECIAL)
    text = (root / "docs" / "experiments" / "experiments.md").read_text()
    pieces.train_from_iterator(text.splitlines(), learn)
    ids = [(name, pieces.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    pieces.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=ids
    )
    names = dict(
        zip(
            ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True
        )
    )
    folder = tmp_path_factory.mktemp("tokenizer")
    PreTrainedTokenizerFast(tokenizer_object=pieces, **names).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, start: list[str], tokenizer: Path) -> Path:
    """A complete folder of a random model with one layer."""
    folder = tmp_path_factory.mktemp("gliner") / "tiny"
    with Child(start) as child:
        child.ask(
            {
                "do": "random",
                "seed": 1,
                "model": str(tokenizer),
                "dtype": "float32",
                "causal": False,
                "shape": {**SHAPE, "encoder_config": ENCODER},
                "output": str(folder),
            }
        )
    return folder
