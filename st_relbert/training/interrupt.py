"""Ctrl-C during training: finish the step, save a checkpoint, stop."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

logger = logging.getLogger(__name__)


class TrainingInterrupted(Exception):
    """Training was stopped by the user and can be resumed."""


class GracefulInterrupt(TrainerCallback):
    """A trainer callback, and a context in which Ctrl-C makes the trainer save and stop after the current step.

    A second Ctrl-C stops at once. Outside the main thread, where Python allows no signal handlers, it does nothing.
    """

    def __init__(self) -> None:
        self.interrupted = False
        self._previous: Any = None

    def __enter__(self) -> GracefulInterrupt:
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
        """Ask the trainer to save and stop, if Ctrl-C was pressed."""
        if self.interrupted:
            control.should_save = True
            control.should_training_stop = True
        return control
