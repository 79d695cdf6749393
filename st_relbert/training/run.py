"""A whole training run: data and encoder in, saved model out."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from transformers import EarlyStoppingCallback, PrinterCallback, ProgressCallback

from st_relbert.files import atomic_output, check_output
from st_relbert.model import RelBERT
from st_relbert.model_card import RelBERTModelCardData
from st_relbert.training.checkpoint_callback import CheckpointCallback, TrainingInterrupted
from st_relbert.training.checkpoint_folder import CheckpointFolder
from st_relbert.training.finetuning_config import finetuning_config, write_finetuning_config
from st_relbert.training.progress import ProgressBar
from st_relbert.training.relation_set import RelationSet
from st_relbert.training.settings import TrainingSettings
from st_relbert.training.setup import build_arguments, build_loss, build_validation, load_data
from st_relbert.training.trainer import RelationTrainer

logger = logging.getLogger(__name__)

_CHECKED_AT_A_TIME = 10_000


class TrainingRun(TrainingSettings):
    """A training run with the settings of :class:`~st_relbert.training.TrainingSettings`."""

    @property
    def checkpoints(self) -> CheckpointFolder:
        """The checkpoints, beside the output; they are removed when the run is done."""
        return CheckpointFolder(self.output)

    def train(self, resume: bool = False, overwrite: bool = False, show_progress_bar: bool = True) -> RelBERT:
        """Train and save. In several processes (``torchrun``), call it in each.

        Args:
            resume: Go on from the last checkpoint of an interrupted run of the same settings.
            overwrite: Replace a model at ``output``, and the checkpoints of an earlier run.
            show_progress_bar: Show progress, loss and learning rate.

        Returns:
            The trained model.

        Raises:
            ValueError: If the output cannot be written, or a setting, the encoder or the data are unusable.
            TrainingDiverged: If the loss or the weights became infinite or not a number; a ``ValueError``.
            TrainingInterrupted: If the user pressed Ctrl-C; a checkpoint was saved.
        """
        check_output(self.output, overwrite)
        relations, validation = load_data(self)
        logger.info("Training relations: %s.", relations)
        model = self._model()
        arguments = build_arguments(self, model, str(self.checkpoints.path))
        with arguments.main_process_first(local=False):
            checkpoint = self.checkpoints.prepare(resume, overwrite)
        _check_lengths(model, relations)
        taught = relations.with_parents() if self._parents_are_steps(relations) else relations
        trainer = RelationTrainer(
            model=model,
            args=arguments,
            train_dataset=taught.dataset(),
            loss=build_loss(self, model, relations),
            relation_names=taught.names,
            callbacks=self._callbacks(show_progress_bar),
            **build_validation(self, validation),
        )
        for shown in (PrinterCallback, ProgressCallback):
            trainer.remove_callback(shown)
        self._run(trainer, checkpoint)
        trainer.check_weights()
        if trainer.is_world_process_zero():
            with atomic_output(self.output) as temporary:
                model.save_pretrained(str(temporary))
                write_finetuning_config(temporary, finetuning_config(self, model, relations, trainer.state))
            self.checkpoints.clear()
        return model

    def _model(self) -> RelBERT:
        card = RelBERTModelCardData(train_datasets=[{"name": Path(self.train_data).name}])
        model = RelBERT(self.base_model, template=self.template, pooling=self.pooling, model_card_data=card)
        if self.max_length is not None:
            model.max_seq_length = min(self.max_length, model.max_seq_length or self.max_length)
        return model

    def _parents_are_steps(self, relations: RelationSet) -> bool:
        return self.relations_per_batch == 1 and self.parent_weight > 0 and relations.parents is not None

    def _callbacks(self, show_progress_bar: bool) -> list[Any]:
        callbacks: list[Any] = []
        if show_progress_bar:
            callbacks.append(ProgressBar())
        if self.patience is not None:
            callbacks.append(EarlyStoppingCallback(self.patience))
        return callbacks

    def _run(self, trainer: RelationTrainer, checkpoint: str | None) -> None:
        with CheckpointCallback(self.save_steps) as saving:
            trainer.add_callback(saving)
            trainer.train(resume_from_checkpoint=checkpoint)
        if saving.interrupted:
            raise TrainingInterrupted(
                f"Stopped after step {trainer.state.global_step}; the checkpoint is in {str(self.checkpoints.path)!r}. "
                "Go on with --resume."
            )


def _check_lengths(model: RelBERT, relations: RelationSet) -> None:
    """Refuse pairs that do not fit into a prompt now, and not when their batch comes."""
    pairs = [
        pair for values in (relations.positives, relations.negatives) for group in values.values() for pair in group
    ]
    for start in range(0, len(pairs), _CHECKED_AT_A_TIME):
        model.preprocess(pairs[start : start + _CHECKED_AT_A_TIME])
