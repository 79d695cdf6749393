"""The progress bar of a training run."""

from __future__ import annotations

from typing import Any

from tqdm.auto import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

_SHOWN = {
    "loss": "loss",
    "learning_rate": "lr",
    "eval_loss": "validation_loss",
    "eval_validation_accuracy": "validation_accuracy",
}


class ProgressBar(TrainerCallback):
    """A trainer callback: one bar over all steps, with the latest loss, learning rate and validation result."""

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
        """Go a step forward."""
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
        """Show the figures."""
        if self._bar is not None and logs:
            self._figures |= {_SHOWN[name]: f"{value:.4g}" for name, value in logs.items() if name in _SHOWN}
            self._bar.set_postfix(self._figures)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()
