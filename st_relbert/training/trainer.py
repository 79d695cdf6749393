"""The trainer of relation embeddings."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformerTrainer
from torch import Tensor, nn
from torch.utils.data import BatchSampler
from tqdm.auto import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import IntervalStrategy
from typing_extensions import Self

from st_relbert.losses.base import RelationLoss
from st_relbert.training.checkpoints import write_checksums

logger = logging.getLogger(__name__)

_SHOWN = {
    "loss": "loss",
    "eval_loss": "validation_loss",
    "eval_validation_accuracy": "validation_accuracy",
}


class ProgressBar(TrainerCallback):
    """A trainer callback that shows one progress bar over all steps, with the latest loss and validation result."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._figures: dict[str, str] = {}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Show the bar, in the first process."""
        if state.is_world_process_zero:
            self._bar = tqdm(total=state.max_steps, initial=state.global_step, desc="Training", dynamic_ncols=True)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Advance the bar."""
        if self._bar is not None:
            self._bar.update(state.global_step - self._bar.n)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Show the latest figures."""
        if self._bar is not None and logs:
            self._figures |= {_SHOWN[name]: f"{value:.4g}" for name, value in logs.items() if name in _SHOWN}
            self._bar.set_postfix(self._figures)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()


class TrainingInterrupted(Exception):
    """Training was stopped by the user and can be resumed."""


class SignalsNoted:
    """A context manager that only records the first Ctrl-C or SIGTERM; a second one ends the process at once.

    Outside the main thread, where Python allows no signal handlers, it does nothing.
    """

    notice = "Interrupted: the model is being saved. Press Ctrl-C again to stop at once."

    def __init__(self) -> None:
        self.interrupted = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Handle Ctrl-C, and SIGTERM, which clusters send before they take a machine away."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the previous handlers."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        logger.warning(self.notice)


class CheckpointCallback(SignalsNoted, TrainerCallback):
    """A trainer callback that saves every `save_steps`, and a context manager: Ctrl-C and SIGTERM save and stop.

    The trainer's own setting for saving excludes evaluation at the end of each epoch.
    """

    notice = "Interrupted: saving a checkpoint after this step. Press Ctrl-C again to stop at once."

    def __init__(self, save_steps: int) -> None:
        super().__init__()
        self.save_steps = save_steps

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Ask the trainer to save when it is time, to stop after a signal, and to log the loss of the last steps."""
        self.interrupted = _in_any_process(self.interrupted, args)
        # A run that resumes from a checkpoint between the end of an epoch and its evaluation would skip the evaluation.
        evaluation_follows = _ends_epoch(state) and args.eval_strategy == IntervalStrategy.EPOCH
        if (self.interrupted or state.global_step % self.save_steps == 0) and not evaluation_follows:
            control.should_save = True
        if self.interrupted:
            control.should_training_stop = True
        if state.global_step >= state.max_steps:
            control.should_log = True
        return control

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Keep the trainer from evaluating an interrupted epoch, which it treats as complete."""
        if self.interrupted and not _ends_epoch(state):
            control.should_evaluate = False
            control.should_save = False
        return control


def _ends_epoch(state: TrainerState) -> bool:
    return state.epoch is not None and float(state.epoch).is_integer()


def _in_any_process(flag: bool, args: TrainingArguments) -> bool:
    """Return whether the flag is set in any process, because all have to save after the same step."""
    if args.world_size == 1:
        return flag
    number = torch.tensor(int(flag), device=args.device)
    torch.distributed.all_reduce(number)
    return bool(number > 0)


_HEAD_FILE = "classification_head.safetensors"


class TrainingDiverged(ValueError):
    """The loss or the weights are no longer finite."""


class RelationTrainer(SentenceTransformerTrainer):
    """A `SentenceTransformerTrainer` that stops when training diverges, and also resumes the classification head.

    Args:
        loss: A loss of this package, or one around it, such as sentence-transformers' `MatryoshkaLoss`.
        relation_names: The relations by label, to describe a batch in an error.
        relation_weights: Their weights by label, for the `RelationBatchSampler` in the arguments. Empty: all weights
            are 1.
        **kwargs: See `SentenceTransformerTrainer`.
    """

    def __init__(
        self,
        *,
        loss: nn.Module,
        relation_names: Sequence[str],
        relation_weights: Sequence[float] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(loss=loss, **kwargs)
        self.relation_loss = loss
        self.relation_names = list(relation_names)
        self.relation_weights = relation_weights

    def get_batch_sampler(self, dataset: Dataset, *args: Any, **kwargs: Any) -> BatchSampler | None:
        """Return the batches of a dataset, with the weights only for the training set, whose relations have them."""
        if dataset is self.train_dataset and any(weight != 1 for weight in self.relation_weights):
            make: Any = self.args.batch_sampler
            if not callable(make):
                raise ValueError(
                    f"relation_weights have no effect with batch_sampler={make!r}. Pass "
                    "batch_sampler=RelationBatchSampler in the training arguments."
                )
            batches: BatchSampler = make(dataset, *args, weights=self.relation_weights, **kwargs)
            return batches
        return super().get_batch_sampler(dataset, *args, **kwargs)

    def training_step(self, model: nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Tensor:
        """Take a step. Raise `TrainingDiverged` if the loss is not finite, before the optimizer changes the weights."""
        features, labels = self.collect_features(inputs)
        loss: Tensor = super().training_step(model, inputs, *args, **kwargs)
        if labels is not None and not torch.isfinite(loss):
            # Labels with one dimension are relations; a teacher's vectors have two.
            known = labels.tolist() if labels.ndim == 1 else []
            named = (label for label in known if 0 <= label < len(self.relation_names))
            names = list(dict.fromkeys(self.relation_names[label] for label in named))
            of_relations = (
                f" of the relations {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}" if names else ""
            )
            prompt = self.model.tokenizer.decode(features[0]["input_ids"][0], skip_special_tokens=True)
            raise TrainingDiverged(
                f"The loss became {loss.item()} at step {self.state.global_step + 1}, on a batch of {len(labels)} "
                f"pairs{of_relations} (first prompt: {prompt!r}). {self._way_out()}"
            )
        return loss

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        # A step with a finite loss can leave weights that are not; the next loss would show it, but too late.
        self.check_weights()
        super()._save_checkpoint(*args, **kwargs)
        self.accelerator.wait_for_everyone()  # each process writes its random state
        if self.is_world_process_zero():
            write_checksums(Path(self._get_output_dir(trial=None), f"checkpoint-{self.state.global_step}"))

    def check_weights(self) -> None:
        """Raise `TrainingDiverged` if any weight is not finite, so that it is not saved."""
        for name, weight in self.relation_loss.named_parameters():
            if not torch.isfinite(weight).all():
                raise TrainingDiverged(
                    f"The weights of {name} are no longer finite at step {self.state.global_step}. {self._way_out()}"
                )

    def _way_out(self) -> str:
        if not list(Path(str(self.args.output_dir)).glob("checkpoint-*")):
            return "Start over with a lower learning rate."
        return (
            "Start over with a lower learning rate, or continue with --resume from the last checkpoint in "
            f"{str(self.args.output_dir)!r}, which was saved before."
        )

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        # Called in every process. Transformers' method checks this, but sentence-transformers' does not.
        if not self.args.should_save:
            return
        super()._save(output_dir, state_dict)
        if (head := self._classification_head()) is not None:
            save_file(head.state_dict(), os.path.join(output_dir or str(self.args.output_dir), _HEAD_FILE))

    def _load_from_checkpoint(self, checkpoint_path: str) -> None:  # type: ignore[override]
        super()._load_from_checkpoint(checkpoint_path)
        if (head := self._classification_head()) is not None:
            head.load_state_dict(load_file(os.path.join(checkpoint_path, _HEAD_FILE)))

    def _classification_head(self) -> nn.Module | None:
        """Return the head of the loss, also if another loss wraps it."""
        losses = (loss for loss in self.relation_loss.modules() if isinstance(loss, RelationLoss))
        return next((loss.classification_head for loss in losses), None)
