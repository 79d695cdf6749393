"""When checkpoints are saved: every so many steps, and on Ctrl-C."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import IntervalStrategy

logger = logging.getLogger(__name__)


class TrainingInterrupted(Exception):
    """Training was stopped by the user and can be resumed."""


class CheckpointCallback(TrainerCallback):
    """A trainer callback that saves every so many steps, and a context in which Ctrl-C saves and stops.

    The trainer's own setting for the former excludes evaluating at the end of each epoch. A second Ctrl-C stops at
    once. Outside the main thread, where Python allows no signal handlers, Ctrl-C is left alone.

    Args:
        save_steps: Steps between checkpoints.
    """

    def __init__(self, save_steps: int) -> None:
        self.save_steps = save_steps
        self.interrupted = False
        self._previous: Any = None

    def __enter__(self) -> CheckpointCallback:
        """Take over Ctrl-C."""
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        """Give Ctrl-C back."""
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        logger.warning("Interrupted: saving a checkpoint after this step. Press Ctrl-C again to stop at once.")

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Ask the trainer to save, when it is time, and to stop, if Ctrl-C was pressed."""
        self.interrupted = _in_any_process(self.interrupted, args)
        # A checkpoint from between the end of an epoch and its evaluation would be resumed without the latter.
        evaluation_follows = _ends_epoch(state) and args.eval_strategy == IntervalStrategy.EPOCH
        if (self.interrupted or state.global_step % self.save_steps == 0) and not evaluation_follows:
            control.should_save = True
        if self.interrupted:
            control.should_training_stop = True
        return control

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Keep the trainer, which takes an interrupted epoch for one that is over, from evaluating it."""
        if self.interrupted and not _ends_epoch(state):
            control.should_evaluate = control.should_save = False
        return control


def _ends_epoch(state: TrainerState) -> bool:
    return state.epoch is not None and float(state.epoch).is_integer()


def _in_any_process(flag: bool, args: TrainingArguments) -> bool:
    """Whether the flag is set in any process: all have to save after the same step."""
    if args.world_size == 1:
        return flag
    number = torch.tensor(int(flag), device=args.device)
    torch.distributed.all_reduce(number)
    return bool(number > 0)
