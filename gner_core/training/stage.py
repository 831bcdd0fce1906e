"""One training stage, from a request to a Trainer that is ready to train."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, TrainerCallback, TrainingArguments, set_seed

from gner_core.backbones.encoder import Encoder
from gner_core.backbones.load import load_model, load_tokenizer
from gner_core.backbones.number_format import NumberFormat, number_format
from gner_core.backbones.text_encoder import TextEncoder
from gner_core.backbones.tokens import Example
from gner_core.config.backbone import BackboneParams
from gner_core.config.execution import DeepspeedLauncher, ExecutionParams
from gner_core.config.systems.any import System
from gner_core.config.systems.gner import GnerSystem
from gner_core.config.training import Choice, TrainParams
from gner_core.corpora.samples.held_out import split_off
from gner_core.records import read_sentences
from gner_core.runtime.worker import Request
from gner_core.systems.registry import text_system
from gner_core.training.adapters import add_adapters
from gner_core.training.attention import attend_in_blocks
from gner_core.training.data.batches import (
    ExampleKey,
    PassShape,
    Update,
    accumulation,
    cut_update,
    plan_updates,
    share_of,
)
from gner_core.training.data.examples import Batch, Examples, GnerExamples, collate_passes
from gner_core.training.data.texts import TextExamples
from gner_core.training.data.validation import ValidateAt, Validation
from gner_core.training.fused import fuse_activations, fuse_norms, round_rotations
from gner_core.training.guards import Load
from gner_core.training.launch.shared_memory import unlink_buffers
from gner_core.training.memory import (
    CPU_TOKENS,
    CPU_WIDTH_STEP,
    BoundMemory,
    estimated_micro_batch,
    micro_batch_limit,
    read_free_memory_with_torch,
)
from gner_core.training.trainer import StageTrainer, freeze_layers


class TrainRequest(Request):
    """A stage to train."""

    backbone: BackboneParams
    system: System
    train: TrainParams
    model: str
    """Folder of the model to start from."""
    sentences: str
    """Parquet file of the training sentences."""
    choose: Choice
    validation: str | None
    """Parquet file of the validation sentences, where they are a sample."""
    execution: ExecutionParams
    package: str | None = None
    """Environment of the system's package, where it has one."""


def training_format(backbone: BackboneParams, execution: ExecutionParams) -> NumberFormat:
    """Return the number format of a training; with DeepSpeed, a CPU's is always float32."""
    deepspeed = isinstance(execution.launcher, DeepspeedLauncher)
    exact = execution.exact or (deepspeed and not torch.cuda.is_available())
    return number_format(backbone, exact=exact)


class Stage:
    """The sentences of a stage and the plan of its weight updates."""

    def __init__(self, request: TrainRequest) -> None:
        """Read tokenizer and sentences, and plan the weight updates.

        Raises:
            InputError: for an unusable tokenizer, or sentences that are all too long.
        """
        self.request = request
        self.devices = int(os.environ.get("WORLD_SIZE", "1"))
        self.device = int(os.environ.get("RANK", "0"))
        self.shape = self._shape()
        self.tokenizer = load_tokenizer(Path(request.model))
        self.sentences, held_out = split_off(
            read_sentences(Path(request.sentences)), request.choose
        )
        self.examples = self._examples()
        self.lengths = self.examples.lengths()
        self.updates = plan_updates(
            [[self._size(pair) for pair in row] for row in self.lengths],
            global_batch=request.train.global_batch,
            length_window=request.train.length_window,
            seed=request.train.seed,
        )
        self.validation = Validation.of(
            request.choose,
            held_out if request.validation is None else read_sentences(Path(request.validation)),
            self.examples,
            updates=self.updates,
        )

    def _shape(self) -> PassShape:
        encoder_decoder = self.request.backbone.family == "encoder_decoder"
        if torch.cuda.is_available():
            return PassShape(encoder_decoder)
        # Several devices exchange gradients after every pass, so each has the same number of them.
        most_tokens = None if self.devices > 1 else CPU_TOKENS
        return PassShape(encoder_decoder, CPU_WIDTH_STEP, most_tokens)

    def _examples(self) -> Examples:
        request = self.request
        if isinstance(request.system, GnerSystem):
            encoder = Encoder(self.tokenizer, request.backbone, request.system.target)
            return GnerExamples(self.sentences, encoder, request.train)
        texts = TextEncoder(self.tokenizer, request.backbone)
        return TextExamples(self.sentences, texts, text_system(request.system), request.train)

    def _size(self, pair: tuple[int, int]) -> int:
        """Return the length by which sentences are grouped.

        An encoder-decoder pads prompts and targets separately. Prompts, often dominated by the list
        of types, differ less than targets, so sentences with similar targets need least padding.
        """
        return pair[1] if self.shape.encoder_decoder else sum(pair)

    @cached_property
    def label_tokens(self) -> list[int]:
        """Label tokens of each update."""
        return [sum(self.lengths[e][i][1] for e, i in update) for update in self.updates]

    def micro_batch(self) -> int:
        """Return the number of sentences of a forward pass on one device."""
        request = self.request
        size = request.execution.train_batch
        if size == "auto":
            longest = max(map(sum, self._kept()))
            size = estimated_micro_batch(
                request.model, longest=longest, parameters=request.backbone.parameters
            )
        share = -(-request.train.global_batch // self.devices)
        return max(1, min(size, share, micro_batch_limit(Path(request.scratch)) or size))

    def loads(self, micro_batch: int) -> list[Load]:
        """Return the tokens of each update when it is cut into such micro-batches."""
        loads = []
        for update, label_tokens in zip(self.updates, self.label_tokens, strict=True):
            passes = self.passes(update, micro_batch)
            pairs = [self.shape.padding(self._sizes(keys)) for keys in passes]
            loads.append(Load(sum(t for t, _ in pairs), label_tokens, sum(p for _, p in pairs)))
        return loads

    def passes(self, update: Update, micro_batch: int) -> list[list[ExampleKey]]:
        """Return the sentences of each forward pass of an update, on all devices."""
        micros = cut_update(update, micro_batch=micro_batch, devices=self.devices)
        return [
            micro[rows]
            for micro in micros
            if micro[0][1] >= 0  # else the device is idle
            for rows in self.shape.cut(self._sizes(micro))
        ]

    def largest(self, micro_batch: int) -> Batch | None:
        """Return the forward pass with most tokens where a single CPU trains; elsewhere None."""
        if self.shape.most_tokens is None:
            return None
        passes = (keys for update in self.updates for keys in self.passes(update, micro_batch))
        keys = max(passes, key=lambda keys: sum(self.shape.padding(self._sizes(keys))))
        (batch,) = self._collated([self.examples[key] for key in keys])
        return batch

    def _sizes(self, keys: list[ExampleKey]) -> list[tuple[int, int]]:
        return [self.lengths[epoch][index] for epoch, index in keys]

    def _kept(self) -> list[tuple[int, int]]:
        return [pair for row in self.lengths for pair in row if pair != (0, 0)]

    def facts(self) -> dict[str, Any]:
        """Return the summary's figures of sentences and lengths."""
        kept = self._kept()
        return {
            "sentences": len(self.sentences),
            "left_out": sum(pair == (0, 0) for pair in self.lengths[0]),
            "tokens": sum(map(sum, kept)),
            "label_tokens": sum(self.label_tokens),
            "longest_prompt": max(source for source, _ in kept),
            "longest_target": max(target for _, target in kept),
        }

    def trainer(
        self, *, micro_batch: int, checkpoint: Path | None, callbacks: list[TrainerCallback]
    ) -> StageTrainer:
        """Return a Trainer with the weights of the checkpoint, or with those to start from.

        Raises:
            InputError: for weights that cannot be used.
        """
        arguments = self.arguments(micro_batch)  # before the weights: ZeRO 3 shards while loading
        model = self.model(checkpoint)
        fuse_activations(model)
        if model.device.type == "cpu":
            callbacks = [*callbacks, BoundMemory()]
            if arguments.bf16:
                fuse_norms(model, dtype=torch.bfloat16)
                round_rotations(model, dtype=torch.bfloat16)
                attend_in_blocks(model)
        validated: dict[str, Any] = {}
        if self.validation is not None:
            callbacks = [*callbacks, ValidateAt(self.validation.steps)]
            validated["validation"] = self._loader(
                self.validation.examples, [self.validation.update], micro_batch
            )
            validated["validation_tokens"] = self.validation.label_tokens
        return StageTrainer(
            model=model,
            args=arguments,
            batches=self._loader(self.examples, self.updates, micro_batch),
            label_tokens=self.label_tokens,
            largest=self.largest(micro_batch),
            keep=self.request.execution.keep_checkpoints,
            callbacks=callbacks,
            **validated,
        )

    def model(self, checkpoint: Path | None) -> PreTrainedModel:
        """Return the weights of the checkpoint, or those to start from, ready to be trained.

        Raises:
            InputError: for weights that cannot be used.
        """
        request, lora = self.request, self.request.train.lora
        set_seed(request.train.seed)
        # Weights and optimizer are float32; autocast computes in the training's own format.
        model = load_model(
            checkpoint if checkpoint and not lora else Path(request.model),
            request.backbone,
            dtype="float32",
            attention=request.execution.attention,
        )
        freeze_layers(model, request.train.frozen_layers)
        if lora:
            add_adapters(model, lora, checkpoint=checkpoint)
        if request.execution.gradient_checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
            model.enable_input_require_grads()
        return model

    @property
    def shares_prefix(self) -> bool:
        """Say whether the tokens that a micro-batch's prompts share run through the model once.

        DeepSpeed, gradient checkpointing and torch.compile do not work with the cache for this.
        """
        execution = self.request.execution
        deepspeed = isinstance(execution.launcher, DeepspeedLauncher)
        without_cache = deepspeed or execution.gradient_checkpointing or execution.torch_compile
        return self.request.backbone.family == "decoder_only" and not without_cache

    def _loader(
        self, examples: Examples, updates: list[Update], micro_batch: int
    ) -> DataLoader[list[Batch]]:
        return DataLoader(
            examples,
            batch_sampler=share_of(
                updates, micro_batch=micro_batch, devices=self.devices, device=self.device
            ),
            collate_fn=self._collated,
            generator=torch.Generator(),  # else it draws from that of the training
            pin_memory=torch.cuda.is_available(),
        )

    def _collated(self, examples: Sequence[Example]) -> list[Batch]:
        """Return a micro-batch as the tensors of its forward passes."""
        return collate_passes(
            examples,
            pad=self.tokenizer.pad_token_id,
            share_prefix=self.shares_prefix,
            shape=self.shape,
        )

    def arguments(self, micro_batch: int) -> TrainingArguments:
        """Return the Trainer's settings for a size of micro-batches."""
        request, params = self.request, self.request.train
        steps = accumulation(params.global_batch, micro_batch=micro_batch, devices=self.devices)
        launcher = request.execution.launcher
        deepspeed = launcher.config if isinstance(launcher, DeepspeedLauncher) else None
        on_cpu = not torch.cuda.is_available()
        constant = params.schedule == "constant"
        arguments = TrainingArguments(
            output_dir=request.scratch,
            max_steps=len(self.updates),
            per_device_train_batch_size=micro_batch,
            gradient_accumulation_steps=steps,
            learning_rate=params.learning_rate,
            lr_scheduler_type="constant_with_warmup" if constant else params.schedule,
            warmup_steps=round(params.warmup_share * len(self.updates)),
            weight_decay=params.weight_decay,
            max_grad_norm=params.max_grad_norm,
            optim="adamw_torch" if deepspeed else "adamw_torch_fused",
            bf16=training_format(request.backbone, request.execution) == "bfloat16",
            use_cpu=on_cpu and deepspeed is None,
            ddp_backend="gloo" if on_cpu and self.devices > 1 else None,
            torch_compile=request.execution.torch_compile,
            seed=params.seed,
            save_steps=request.execution.checkpoint_every,
            logging_steps=1,
            logging_nan_inf_filter=False,
            average_tokens_across_devices=False,
            ddp_find_unused_parameters=False,
            deepspeed=deepspeed,
            remove_unused_columns=False,
            disable_tqdm=True,
            report_to=[],
        )
        if deepspeed:
            read_free_memory_with_torch()
        if on_cpu and deepspeed:  # accelerate counts DeepSpeed's ranks only where there are GPUs
            state = arguments.distributed_state
            state.num_processes, state.process_index = self.devices, self.device
            state.local_process_index = int(os.environ["LOCAL_RANK"])
            unlink_buffers()
        return arguments
