"""The transformers Trainer with gner's order of batches, its loss, and checkpoints that survive.

Owns three changes to the Trainer, nothing else:
- batches come from a plan (`training.batches`), not from a sampler;
- the loss is the mean over the label tokens of the whole global batch. T5 ignores the Trainer's
  token count, which would multiply loss and gradients by accumulation steps and world size;
- a checkpoint is written aside and renamed, so that one that exists is whole.

For decoder-only backbones the tokens that all prompts of a micro-batch begin with (the
instruction) run through the model once instead of once per sentence; gradients are the same.

Example:
    trainer = StageTrainer(model=model, args=arguments, examples=examples, plan=plan, ...)
    trainer.train(resume_from_checkpoint=newest_checkpoint(folder))
"""

import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from transformers import DynamicCache, PreTrainedModel, Trainer

from gner_core.training.batches import Place
from gner_core.training.examples import IGNORED, Batch, Examples, collate

CHECKPOINT = "checkpoint-"


class StageTrainer(Trainer):
    """Trains one stage along a plan of micro-batches."""

    def __init__(
        self, *, examples: Examples, plan: list[list[Place]], keep: int, **options: Any
    ) -> None:
        """Create the trainer.

        Args:
            examples: the sentences, addressed by the places of the plan.
            plan: micro-batches in order.
            keep: how many checkpoints stay.
            options: passed on to transformers' Trainer.
        """
        super().__init__(**options)
        self.examples = examples
        self.plan = plan
        self.keep = keep
        # Our loss divides by the token count of the global batch: the Trainer must count label
        # tokens and must not divide by the accumulation steps.
        self.model_accepts_loss_kwargs = True

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the micro-batches of the plan, on this process' device."""
        encoder = self.examples.encoder
        form = partial(collate, family=encoder.backbone.family, pad=encoder.tokenizer.pad_token_id)
        loader: DataLoader[Any] = DataLoader(
            self.examples,
            batch_sampler=self.plan,
            collate_fn=form,
            pin_memory=torch.cuda.is_available(),
        )
        return self.accelerator.prepare(loader)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Return the summed cross-entropy over the label tokens of the whole global batch."""
        bare: PreTrainedModel = self.accelerator.unwrap_model(model)
        logits, labels = (
            _decoder_only_logits(model, bare, inputs)
            if "prefix" in inputs
            else _encoder_decoder_logits(model, bare, inputs)
        )
        summed = cross_entropy(
            logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum"
        )
        tokens = (labels != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        loss = summed * self.accelerator.num_processes / tokens
        return (loss, logits) if return_outputs else loss

    def _get_output_dir(self, trial: Any) -> str:
        return str(Path(str(self.args.output_dir)) / ".writing")

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        folder = Path(str(self.args.output_dir))
        name = f"{CHECKPOINT}{self.state.global_step}"
        shutil.rmtree(folder / ".writing", ignore_errors=True)
        super()._save_checkpoint(model, trial)
        if self.args.should_save:
            shutil.rmtree(folder / name, ignore_errors=True)
            os.rename(folder / ".writing" / name, folder / name)
            for old in checkpoints(folder)[: -self.keep]:
                shutil.rmtree(old)


def checkpoints(folder: Path) -> list[Path]:
    """Return the complete checkpoints of an unfinished training, oldest first."""
    found = [path for path in folder.glob(f"{CHECKPOINT}*") if path.is_dir()]
    return sorted(found, key=lambda path: int(path.name.removeprefix(CHECKPOINT)))


def freeze_layers(model: PreTrainedModel, count: int) -> None:
    """Keep embeddings and the lowest `count` layers of every stack as they are."""
    if not count:
        return
    model.get_input_embeddings().requires_grad_(False)
    for stack in _stacks(model):
        for layer in stack[:count]:
            layer.requires_grad_(False)


def _stacks(model: PreTrainedModel) -> list[Sequence[torch.nn.Module]]:
    if model.config.is_encoder_decoder:
        return [model.get_encoder().block, model.get_decoder().block]
    return [model.base_model.layers]


def _encoder_decoder_logits(
    model: torch.nn.Module, bare: PreTrainedModel, inputs: Batch
) -> tuple[torch.Tensor, torch.Tensor]:
    labels = inputs["labels"]
    output = model(
        input_ids=inputs["input_ids"],
        attention_mask=inputs["attention_mask"],
        decoder_input_ids=bare.prepare_decoder_input_ids_from_labels(labels=labels),
        use_cache=False,
    )
    return output.logits, labels


def _decoder_only_logits(
    model: torch.nn.Module, bare: PreTrainedModel, inputs: Batch
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits and labels of the columns that hold targets, at the right end."""
    prefix, mask = inputs["prefix"], inputs["attention_mask"]
    columns = int((inputs["labels"] != IGNORED).any(0).sum())
    output = model(
        input_ids=inputs["input_ids"],
        attention_mask=mask,
        position_ids=(mask.cumsum(1) - 1).clamp(min=0)[:, prefix.shape[1] :],
        past_key_values=_shared_cache(bare, prefix, rows=len(mask)),
        logits_to_keep=columns + 1,
    )
    return output.logits[:, :-1], inputs["labels"][:, -columns:]


def _shared_cache(model: PreTrainedModel, prefix: torch.Tensor, *, rows: int) -> DynamicCache:
    """Run the shared prefix once and show its keys and values to every row."""
    cache = DynamicCache(config=model.config)
    if prefix.shape[1]:
        model.base_model(input_ids=prefix, past_key_values=cache, use_cache=True)
        for layer in cache.layers:
            layer.keys = layer.keys.expand(rows, -1, -1, -1)
            layer.values = layer.values.expand(rows, -1, -1, -1)
    return cache
