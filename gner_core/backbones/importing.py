"""Imports a backbone into one form: a folder with safetensors weights and its tokenizer."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from gner_core.backbones.load import refuse_broken_weights
from gner_core.backbones.packages import import_from_package
from gner_core.backbones.pickles import convert_pickles
from gner_core.config.backbone import (
    BackboneParams,
    FolderSource,
    GlinerSource,
    HubSource,
    PackageSource,
    RandomSource,
)
from gner_core.errors import InputError
from gner_core.hub import (
    PICKLED_INDEX,
    has_safetensors,
    model_files,
    pickled_names,
    snapshot,
    snapshot_without_weights,
)
from gner_core.systems.gliner.engine import complete

HEAD_WIDTH = 16
"""Width of an attention head of random models."""
PAD, END = "<pad>", "</s>"  # ids 0 and 1 of random models' tokenizers


def import_backbone(
    params: BackboneParams, *, folder: Path, texts: Iterable[str], package: Path | None = None
) -> None:
    """Write the backbone's weights and tokenizer into `folder`.

    Args:
        texts: what a random model's tokenizer is trained on; other sources ignore it.
        package: the environment of GLiNER, which its checkpoints need.

    Raises:
        InputError: when the source is missing, of another version, or cannot be read.
    """
    source = params.source
    if isinstance(source, HubSource):
        _from_folder(snapshot(source.repo, source.revision), folder)
    elif isinstance(source, GlinerSource):
        _gliner(source, folder, package)
    elif isinstance(source, FolderSource):
        _from_folder(Path(source.path), folder)
    elif isinstance(source, PackageSource):
        import_from_package(source, folder)
    else:
        _random(source, folder, texts)


def _gliner(source: GlinerSource, folder: Path, package: Path | None) -> None:
    if package is None:
        raise InputError(
            f"{source.repo}: its import needs GLiNER; run it with gner, not in the library alone"
        )
    encoder = snapshot_without_weights(source.encoder.repo, source.encoder.revision)
    checkpoint = snapshot(source.repo, source.revision)
    complete(package, source=checkpoint, encoder=encoder, target=folder)


def _from_folder(source: Path, folder: Path) -> None:
    files = model_files(source)
    if has_safetensors(source):
        refuse_broken_weights(source)
    else:
        convert_pickles(source, folder)
        converted = {*pickled_names(source), PICKLED_INDEX}
        files = [file for file in files if file.name not in converted]
    for file in files:
        shutil.copyfile(file, folder / file.name)


def _random(source: RandomSource, folder: Path, texts: Iterable[str]) -> None:
    tokenizer = _byte_bpe(source.vocabulary, texts)
    torch.manual_seed(source.seed)
    build = _random_t5 if source.architecture == "t5" else _random_llama
    build(source, len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _random_t5(source: RandomSource, vocabulary: int) -> PreTrainedModel:
    config = T5Config(
        vocab_size=vocabulary,
        d_model=source.hidden,
        d_kv=HEAD_WIDTH,
        d_ff=2 * source.hidden,
        num_layers=source.layers,
        num_heads=max(1, source.hidden // HEAD_WIDTH),
        feed_forward_proj="gated-gelu",
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
    )
    return T5ForConditionalGeneration(config)


def _random_llama(source: RandomSource, vocabulary: int) -> PreTrainedModel:
    heads = max(1, source.hidden // HEAD_WIDTH)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=heads * HEAD_WIDTH,
        intermediate_size=2 * source.hidden,
        num_hidden_layers=source.layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        tie_word_embeddings=True,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=1,
    )
    return LlamaForCausalLM(config)


def _byte_bpe(vocabulary: int, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer, which can write any text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, tokenizer.token_to_id(END))]
    )
    special = {"pad_token": PAD, "eos_token": END}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)
