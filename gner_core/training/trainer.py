"""The transformers Trainer with planned batches, gner's loss, and checkpoints that survive kills.

The loss is the mean over the label tokens of the whole global batch. T5 ignores the Trainer's token
count, which would multiply loss and gradients by accumulation steps and world size. Logits are
computed for label tokens only (`loss`), and for decoder-only backbones the tokens that all prompts
of a micro-batch share at the start run through the model once; gradients are the same.
"""

import shutil
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader
from transformers import DynamicCache, PreTrainedModel, Trainer
from transformers.trainer_callback import PrinterCallback

from gner_core.backbones.load import prefix_cache
from gner_core.errors import InputError
from gner_core.runtime.files import read_json, replacing_folder, write_json
from gner_core.runtime.log import say
from gner_core.training.adapters import save_for_resume, save_published
from gner_core.training.checkpoints import best_weights as best
from gner_core.training.checkpoints.resume import (
    CHECKPOINT,
    WRITING,
    begin,
    disk_is_full,
    finish,
)
from gner_core.training.checkpoints.weights_and_optimizer import (
    Tensors,
    full_averages,
    full_weights,
    restore_averages,
)
from gner_core.training.data.examples import IGNORED, Batch
from gner_core.training.data.validation import VALIDATION_LOSS, best_so_far
from gner_core.training.loss import LabelHead, summed_cross_entropy

AVERAGES = "optimizer.safetensors"
SCHEDULE = "schedule.json"
TRAINER_STATE = "trainer_state.json"


class StageTrainer(Trainer):
    """Trains one stage along a plan of micro-batches."""

    def __init__(
        self,
        *,
        batches: DataLoader[Any],
        label_tokens: Sequence[int],
        largest: Batch | None,
        keep: int,
        validation: DataLoader[Any] | None = None,
        validation_tokens: int = 0,
        **options: Any,
    ) -> None:
        """Create the trainer; `options` are those of transformers' Trainer.

        Args:
            batches: this device's micro-batches in order, each in forward passes.
            label_tokens: label tokens of every weight update, over all devices.
            largest: a forward pass to rehearse; None for none.
            keep: how many checkpoints are kept.
            validation: this device's micro-batches of the validation sentences.
            validation_tokens: their label tokens, over all devices.
        """
        super().__init__(**options)
        self.remove_callback(PrinterCallback)  # the journal has the figures
        self.batches = batches
        self.head = LabelHead(self.model)
        self.label_tokens = label_tokens
        self.largest = largest
        self.keep = keep
        self.failed = False
        """The last checkpoint could not be written, for another reason than a full disk."""
        self.validation = validation
        self.validation_tokens = validation_tokens
        # The loss is scaled for the global batch: the Trainer must not divide it again.
        self.model_accepts_loss_kwargs = True

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the micro-batches of this device."""
        return self.batches

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: list[Batch],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Add the gradients of a micro-batch, pass by pass, and return its loss.

        Args:
            inputs: the forward passes of the micro-batch.
            num_items_in_batch: not used.
        """
        # Given a number of items, the Trainer does not divide the loss by the accumulation steps.
        items = self.label_tokens[self.state.global_step]
        step = super().training_step
        return torch.stack([step(model, one, items) for one in inputs]).sum()

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Return the mean cross-entropy over the label tokens of the whole global batch."""
        summed, logits = self._summed_loss(model, inputs)
        # Devices average their gradients, but the sum is needed.
        scale = self.accelerator.num_processes / self.label_tokens[self.state.global_step]
        loss = summed * scale
        return (loss, logits) if return_outputs else loss

    def _summed_loss(
        self, model: torch.nn.Module, inputs: Batch
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the summed cross-entropy of a micro-batch, and the logits of its labels."""
        bare: PreTrainedModel = self.accelerator.unwrap_model(model, keep_torch_compile=False)
        labels = predicted_labels(inputs)
        run = _decoder_only_logits if "prefix" in inputs else _encoder_decoder_logits
        with self.accelerator.autocast():
            logits = self.head.logits(labels, partial(run, model, bare, inputs))
        summed = summed_cross_entropy(logits, labels[labels != IGNORED])
        return summed, logits

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Compute and log the validation loss, and keep the weights if it is the lowest."""
        self.log({VALIDATION_LOSS: self._validation_loss()})
        chosen = best_so_far(self.state.log_history)
        if chosen is not None and chosen["step"] == self.state.global_step:
            self._keep_best()
        self.control.should_evaluate = False  # else the end of an epoch repeats it
        return {}

    @torch.no_grad()
    def _validation_loss(self) -> float:
        """Return the mean cross-entropy over the label tokens of all validation sentences."""
        assert self.validation is not None
        summed = torch.zeros((), dtype=torch.float64, device=self.args.device)
        self.model.eval()
        for passes in self.validation:
            for batch in passes:
                summed += self._summed_loss(self.model_wrapped, self._prepare_inputs(batch))[0]
        self.model.train()
        if self.accelerator.num_processes > 1:
            torch.distributed.all_reduce(summed)
        return float(summed) / self.validation_tokens

    def _keep_best(self) -> None:
        """Write the weights as the best so far.

        Raises:
            InputError: if the disk is full; nothing else is lost.
            Exception: on every device, if they cannot be written for another reason.
        """
        scratch, weights = self._scratch, self.weights()
        error = _fault_of(partial(self._write_best, weights))
        if not any_device(error is not None, self.args.device):
            return
        if not disk_is_full(error, scratch):
            raise error or RuntimeError("the first device cannot write the best weights")
        reason = " ".join(str(error).split())
        raise InputError(
            f"{scratch}: the best weights, of update {self.state.global_step}, cannot be "
            f"written ({reason}); free some space and give the same command: it goes on from "
            "the last checkpoint"
        ) from error

    def _write_best(self, weights: Tensors | None) -> None:
        if self.is_world_process_zero():
            with replacing_folder(self._scratch / best.BEST) as folder:
                save_published(self.model, folder, weights=weights)

    def weights(self) -> Tensors | None:
        """Return all weights for `save_pretrained`; every device must call it."""
        return full_weights(self.model, engine=self.engine)

    @property
    def engine(self) -> Any | None:
        """DeepSpeed's engine if it shards weights or averages, which it does from ZeRO 1 on."""
        if not self.is_deepspeed_enabled or not self.model_wrapped.zero_optimization():
            return None
        return self.model_wrapped

    def _prepare_for_training(
        self, max_steps: int, train_dataloader: Any, resume_from_checkpoint: str | None
    ) -> Any:
        prepared = super()._prepare_for_training(max_steps, train_dataloader, None)
        # Without the wrapper that copies all logits to float32: `_summed_loss` has autocast itself.
        self.accelerator.unwrap_model(self.model_wrapped, keep_fp32_wrapper=False)
        if resume_from_checkpoint is not None:
            self._restore(Path(resume_from_checkpoint))
        if self.largest is not None:
            self._rehearse(self.largest)
        return prepared

    def _rehearse(self, batch: Batch) -> None:
        """Run a forward and a backward pass that leave no trace but the memory that they took.

        Tensors of later passes then find gaps that are large enough, so that memory grows less, and
        too little memory shows at once.
        """
        self.model.train()
        with torch.random.fork_rng(devices=[]):
            loss, _ = self._summed_loss(self.model_wrapped, self._prepare_inputs(batch))
            loss.backward()
        self.model.zero_grad()

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: torch.nn.Module | None = None
    ) -> None:
        """Do nothing: the model was loaded from the checkpoint."""

    def _restore(self, checkpoint: Path) -> None:
        averages = load_file(checkpoint / AVERAGES)
        restore_averages(self.model, self.optimizer, averages, engine=self.engine)
        self.lr_scheduler.load_state_dict(read_json(checkpoint / SCHEDULE))
        rates = self.lr_scheduler.get_last_lr()  # it does not pass them to the optimizer
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Write a checkpoint with the help of all devices, and continue without it if that fails.

        Raises:
            Exception: on every device, at the second failure in a row, unless the disk is full.
        """
        folder = self._scratch / WRITING / f"{CHECKPOINT}{self.state.global_step}"
        weights = self.weights()
        averages = full_averages(self.model, self.optimizer, engine=self.engine)
        for write in (
            partial(self._write_states, weights, averages),
            partial(self._save_rng_state, str(folder)),
            partial(self._finish, folder),
        ):
            error = _fault_of(write)
            if any_device(error is not None, self.args.device):
                return self._continue_without(error)
        self.failed = False
        return None

    def _write_states(self, weights: Tensors | None, averages: Tensors) -> None:
        if self.is_world_process_zero():
            folder = begin(self._scratch, self.state.global_step)
            save_for_resume(self.model, folder, weights=weights)
            save_file(averages, folder / AVERAGES)
            write_json(folder / SCHEDULE, self.lr_scheduler.state_dict())
            self.state.save_to_json(str(folder / TRAINER_STATE))
            best.add_to(folder, self._scratch)

    def _finish(self, folder: Path) -> None:
        if self.is_world_process_zero():
            finish(folder, self._scratch, keep=self.keep)

    def _continue_without(self, error: Exception | None) -> None:
        """Warn about a missing checkpoint, or raise the error; every device must call it."""
        full = disk_is_full(error, self._scratch)
        failed = any_device(error is not None and not full, self.args.device)
        shutil.rmtree(self._scratch / WRITING, ignore_errors=True)
        if failed and self.failed:
            error = error or RuntimeError("another device cannot write its part of a checkpoint")
            error.add_note("the second checkpoint in a row that cannot be written: training stops")
            raise error
        self.failed = failed
        if error is None:
            return
        if not full:
            traceback.print_exception(error)
        reason = " ".join(str(error).split())
        say(
            f"no checkpoint after update {self.state.global_step} ({reason}); training goes on "
            f"with the earlier ones; {'free some space' if full else 'it stops if the next fails'}"
        )

    @property
    def _scratch(self) -> Path:
        return Path(str(self.args.output_dir))


def _fault_of(write: Callable[[], object]) -> Exception | None:
    """Return the exception of writing; safetensors, torch and the system have different ones."""
    try:
        write()
    except Exception as error:  # noqa: BLE001 (told apart by `disk_is_full`)
        return error
    return None


def any_device(flag: bool, device: torch.device) -> bool:
    """Say whether the flag is set on any device; every device must call it."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return flag
    flags = torch.tensor(int(flag), device=device)
    torch.distributed.all_reduce(flags, op=torch.distributed.ReduceOp.MAX)
    return bool(flags.item())


def freeze_layers(model: PreTrainedModel, count: int) -> None:
    """Freeze embeddings and the lowest `count` layers of every stack."""
    if not count:
        return
    model.get_input_embeddings().requires_grad_(False)
    if model.config.is_encoder_decoder:
        stacks = [model.get_encoder().block, model.get_decoder().block]
    else:
        stacks = [model.base_model.layers]
    for stack in stacks:
        for layer in stack[:count]:
            layer.requires_grad_(False)


def predicted_labels(inputs: Batch) -> torch.Tensor:
    """Return the label that each position of the last layer predicts."""
    labels = inputs["labels"]
    if "prefix" not in inputs:
        return labels
    return torch.cat([labels[:, 1:], torch.full_like(labels[:, :1], IGNORED)], 1)


def _encoder_decoder_logits(
    model: torch.nn.Module, bare: PreTrainedModel, inputs: Batch
) -> torch.Tensor:
    logits: torch.Tensor = model(
        input_ids=inputs["input_ids"],
        attention_mask=inputs["attention_mask"],
        decoder_input_ids=bare.prepare_decoder_input_ids_from_labels(labels=inputs["labels"]),
        use_cache=False,
    ).logits
    return logits


def _decoder_only_logits(
    model: torch.nn.Module, bare: PreTrainedModel, inputs: Batch
) -> torch.Tensor:
    ids, prefix = inputs["input_ids"], inputs["prefix"]
    shared = prefix.shape[1] > 0
    logits: torch.Tensor = model(
        input_ids=ids,
        past_key_values=_shared_cache(bare, prefix, rows=len(ids)) if shared else None,
        use_cache=shared,
    ).logits
    return logits


def _shared_cache(model: PreTrainedModel, prefix: torch.Tensor, *, rows: int) -> DynamicCache:
    """Run the shared prefix once, and expand its keys and values to all rows."""
    cache = prefix_cache(model, prefix)
    for layer in cache.layers:
        layer.keys = layer.keys.expand(rows, -1, -1, -1)
        layer.values = layer.values.expand(rows, -1, -1, -1)
    return cache
