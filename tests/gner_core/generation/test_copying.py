"""Guided decoding against free decoding that copies the sentence, and against the tokenizer."""

import importlib.util
from collections import Counter
from collections.abc import Iterable
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    T5Config,
    T5ForConditionalGeneration,
)

from gner_core.backbones.encoder import Encoder
from gner_core.backbones.load import load_tokenizer
from gner_core.config.backbone import BackboneParams, PackageSource
from gner_core.config.reading.files import read_catalog, read_params
from gner_core.config.systems.gner import TargetForm
from gner_core.corpora.splits import stream_any_split
from gner_core.generation.free.batches import FreeGenerator
from gner_core.generation.guided.choices import AFTER, ChoiceTable
from gner_core.generation.guided.costs import NOMINAL
from gner_core.generation.guided.decoding import GuidedGenerator, GuidedQuery
from gner_core.generation.guided.progress import follow
from gner_core.records import Sentence
from gner_core.systems.gner.targets import BIO, LEAN, target
from gner_core.training.data.batches import PassShape
from gner_core.training.data.examples import IGNORED, collate
from gner_core.training.trainer import predicted_labels
from tests.gner_core.conftest import Family, backbone
from tests.gner_core.generation.test_guided import both_forms

ODD = Sentence(
    "odd",
    "odd",
    ("«", "Ada", "B.", ",", "(", "Rome", ")", "1999", "?", '"', "$", "5", "'s", "--", "ø", "."),
    ("O", "B-person", "I-person", "O", "O", "B-place (city)", *["O"] * 4, "B-person", *["O"] * 5),
    ("person", "place (city)"),
)


@cache
def smollm2(root: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of SmolLM2 from its package."""
    source = read_params(BackboneParams, root / "params" / "models" / "smollm2-135m.yaml").source
    assert isinstance(source, PackageSource)
    found = importlib.util.find_spec(source.module)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"the package {source.package} is not installed")
    folder = found.submodule_search_locations[0]
    return AutoTokenizer.from_pretrained(folder, gguf_file=source.file)


@pytest.fixture
def tokenizer(request: pytest.FixtureRequest, vocabulary: str) -> PreTrainedTokenizerBase:
    """A tiny byte-level vocabulary, T5's or SmolLM2's."""
    if vocabulary == "smollm2":
        return smollm2(request.getfixturevalue("root"))
    if vocabulary == "t5":
        return load_tokenizer(request.getfixturevalue("shared") / "tokenizers" / "t5")
    return load_tokenizer(request.getfixturevalue("tiny_llama").folder)


slow = pytest.mark.slow
vocabularies = pytest.mark.parametrize(
    "vocabulary", ["tiny", "t5", pytest.param("smollm2", marks=slow)]
)


def compared(
    tokenizer: PreTrainedTokenizerBase, form: TargetForm, sentences: Iterable[Sentence]
) -> Counter[str]:
    """Check that guided decoding feeds the tokens of the targets; return what was met."""
    table, met = ChoiceTable(tokenizer, form), Counter[str]()
    for s in sentences:
        choices, word = table.of(s.words, s.types), 0
        node = choices.root(0, before="O")
        tokens = [*node.forced]
        while node:
            key = node.leads[s.tags[word]]
            met["several"] += max(map(len, choices.ids(word, node))) > 1
            more, tags, following = follow(choices, key, word=word, node=node)
            if following is None:  # nothing needs to be fed
                more = [*([] if key == AFTER else [key]), *node.children[key].forced]
            met["no tokens"] += not more and following is not None
            tokens, word, node = [*tokens, *more], word + len(tags), following
        text = target(s.words, s.tags, form)
        assert tokens == tokenizer(text, add_special_tokens=False)["input_ids"]
        met["sentences"] += 1
    return met


@both_forms
@vocabularies
def test_what_is_fed_is_what_the_tokenizer_makes_of_the_target(
    tokenizer: PreTrainedTokenizerBase, news: list[Sentence], form: TargetForm
) -> None:
    met = compared(tokenizer, form, [ODD, *news])
    assert met["sentences"] == 25
    bytes_of_blanks = "Ġ," in tokenizer.get_vocab()
    assert (met["no tokens"] > 0) == (form == LEAN and bytes_of_blanks)
    assert (met["several"] > 0) == (form == LEAN and bytes_of_blanks)


@both_forms
@vocabularies
@pytest.mark.parametrize("name", ["crossner-ai", "mit-movie"])
def test_what_is_fed_for_real_sentences(
    tokenizer: PreTrainedTokenizerBase, shared: Path, root: Path, form: TargetForm, name: str
) -> None:
    corpus = read_catalog(root / "params" / "corpora" / "published")[name]
    found = stream_any_split(
        name, corpus, split="test", folder=shared / "datasets", repairs=Counter()
    )
    assert compared(tokenizer, form, islice(found, 100))["sentences"] == 100


def new_model(tokenizer: PreTrainedTokenizerBase, family: Family, layers: int) -> PreTrainedModel:
    """A small model with that vocabulary."""
    torch.manual_seed(1)
    end = tokenizer.eos_token_id
    both = {"vocab_size": len(tokenizer), "pad_token_id": 0, "eos_token_id": end}
    if family == "encoder_decoder":
        t5 = T5Config(
            **both, d_model=32, d_kv=16, d_ff=64, num_layers=layers, num_heads=2,
            feed_forward_proj="gated-gelu", decoder_start_token_id=0,
        )  # fmt: skip
        return T5ForConditionalGeneration(t5).eval()
    llama = LlamaConfig(
        **both, hidden_size=32, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=2,
        num_key_value_heads=2, bos_token_id=end,
    )  # fmt: skip
    return LlamaForCausalLM(llama).eval()


def learn_by_heart(
    model: PreTrainedModel,
    encoders: Iterable[Encoder],
    sentences: Iterable[Sentence],
    rate: float,
) -> None:
    """Train a model until it writes the targets of all sentences without a fault, in every form."""
    examples = [e.example(s.words, s.tags, s.types) for e in encoders for s in sentences]
    family: Family = "encoder_decoder" if model.config.is_encoder_decoder else "decoder_only"
    batch = collate(
        examples,
        pad=0,
        share_prefix=False,
        shape=PassShape(encoder_decoder=family == "encoder_decoder"),
    )
    wanted = predicted_labels(batch)
    batch.pop("prefix", None)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for _ in range(2000):
        output = model(**batch)
        faults = (output.logits.argmax(-1) != wanted) & (wanted != IGNORED)
        if output.loss < 0.02 and not faults.any():
            return
        optimizer.zero_grad()
        output.loss.backward()
        optimizer.step()
    raise AssertionError(f"{int(faults.sum())} tokens not learned, loss {output.loss.item():.3f}")


@pytest.mark.parametrize(
    ("vocabulary", "family", "layers", "rate"),
    [
        ("tiny", "encoder_decoder", 1, 2e-2),
        ("tiny", "decoder_only", 2, 1e-2),
        pytest.param("t5", "encoder_decoder", 2, 1e-2, marks=slow),
        pytest.param("smollm2", "decoder_only", 2, 1e-2, marks=slow),
    ],
)
def test_where_free_decoding_copies_the_sentence_the_labels_are_the_same(
    tokenizer: PreTrainedTokenizerBase,
    family: Family,
    layers: int,
    rate: float,
    news: list[Sentence],
) -> None:
    learned = [ODD, min(news, key=lambda s: len(s.words))]
    encoders = [Encoder(tokenizer, backbone(family), form) for form in (BIO, LEAN)]
    model = new_model(tokenizer, family, layers)
    learn_by_heart(model, encoders, learned, rate)
    for encoder in encoders:
        queries = [GuidedQuery(s.words, s.types) for s in learned]
        sources = encoder.prompts((ask.words, ask.types) for ask in queries)
        model.set_attn_implementation("sdpa")
        free = FreeGenerator(model, encoder, beams=1)(sources, [150] * len(sources))
        for one, sentence in zip(free, learned, strict=True):
            right = target(sentence.words, sentence.tags, encoder.form)
            assert one.finished
            assert one.text == encoder.decode(tokenizer(right).input_ids)
        for beams in (1, 2):
            answers = GuidedGenerator(model, encoder, beams=beams, costs=NOMINAL)(queries)
            assert [answer.tags for answer in answers] == [s.tags for s in learned]
