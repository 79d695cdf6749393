"""A whole training run: data and encoder in, saved model out."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from datasets import Dataset
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments

from st_relbert.files import atomic_output, check_output
from st_relbert.losses import CachedInfoNCELoss, InfoNCELoss
from st_relbert.model import RelBERT
from st_relbert.model_card import RelBERTModelCardData
from st_relbert.modules.relation_pooling import Aggregation
from st_relbert.training.interrupt import GracefulInterrupt, TrainingInterrupted
from st_relbert.training.relation_set import load_relations
from st_relbert.training.sampler import RelationBatchSampler

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """The settings of a training run.

    Args:
        base_model: The encoder to start from; a hub id or a folder.
        train_data: The relation set; see :func:`~st_relbert.training.load_relations`.
        output: The folder for the trained model.
        template: See :class:`~st_relbert.RelBERT`.
        pooling: See :class:`~st_relbert.RelBERT`.
        epochs: Passes over the relation set.
        max_steps: Stop after so many steps, whatever ``epochs`` says; -1: do not.
        learning_rate: The peak of the learning rate, which then falls to zero in a straight line.
        warmup_steps: Steps over which the learning rate rises to its peak.
        temperature: See :class:`~st_relbert.losses.InfoNCELoss`.
        relations_per_batch: See :class:`~st_relbert.training.RelationBatchSampler`. With 1, a step is the reference's:
            the negatives come from the other relations' positives too.
        pairs_per_relation: See :class:`~st_relbert.training.RelationBatchSampler`.
        negatives_per_relation: See :class:`~st_relbert.training.RelationBatchSampler`.
        mini_batch_size: Bound the memory by so many pairs with :class:`~st_relbert.losses.CachedInfoNCELoss`, for
            batches that do not fit; None: embed a batch at once.
        seed: Seed of the batches and of dropout.
        bf16: Compute in bfloat16 where that is safe; faster on recent CPUs and GPUs.
        save_steps: Steps between checkpoints, from which an interrupted run is resumed.
    """

    base_model: str
    train_data: str
    output: str
    template: str | None = None
    pooling: Aggregation | None = None
    epochs: float = 10
    max_steps: int = -1
    learning_rate: float = 5e-5
    warmup_steps: int = 10
    temperature: float = 0.05
    relations_per_batch: int = 32
    pairs_per_relation: int = 4
    negatives_per_relation: int = 1
    mini_batch_size: int | None = None
    seed: int = 0
    bf16: bool = False
    save_steps: int = 100

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints, beside the output; it is removed when the run is done."""
        output = Path(self.output)
        return output.with_name(f"{output.name}-checkpoints")

    def train(self, resume: bool = False, overwrite: bool = False, show_progress_bar: bool = True) -> RelBERT:
        """Train and save.

        Args:
            resume: Go on from the last checkpoint of an interrupted run of the same settings.
            overwrite: Replace a model at ``output``, and the checkpoints of an earlier run.
            show_progress_bar: Show progress, loss and learning rate.

        Returns:
            The trained model.

        Raises:
            ValueError: If the output cannot be written, or a setting, the encoder or the data are unusable.
            TrainingInterrupted: If the user pressed Ctrl-C; a checkpoint was saved.
        """
        check_output(self.output, overwrite)
        checkpoint = self._checkpoint(resume, overwrite)
        dataset = load_relations(self.train_data, "train")
        card = RelBERTModelCardData(train_datasets=[{"name": Path(self.train_data).name}])
        model = RelBERT(self.base_model, template=self.template, pooling=self.pooling, model_card_data=card)
        trainer = self._trainer(model, dataset, show_progress_bar)
        with GracefulInterrupt() as interrupt:
            trainer.add_callback(interrupt)
            trainer.train(resume_from_checkpoint=checkpoint)
        if interrupt.interrupted:
            raise TrainingInterrupted(
                f"Stopped after step {trainer.state.global_step}; the checkpoint is in {str(self.checkpoints)!r}. "
                "Go on with --resume."
            )
        with atomic_output(self.output) as temporary:
            model.save_pretrained(str(temporary))
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        return model

    def _checkpoint(self, resume: bool, overwrite: bool) -> str | None:
        # The trainer's state is written last: a folder with it is a whole checkpoint.
        states = self.checkpoints.glob("checkpoint-*/trainer_state.json")
        steps = sorted((path.parent for path in states), key=lambda folder: int(folder.name.split("-")[1]))
        if resume:
            if not steps:
                raise ValueError(f"Nothing to resume: {str(self.checkpoints)!r} has no checkpoint. Leave out --resume.")
            return str(steps[-1])
        if self.checkpoints.exists():
            if foreign := [path.name for path in self.checkpoints.iterdir() if not path.name.startswith("checkpoint-")]:
                raise ValueError(
                    f"{str(self.checkpoints)!r}, where the checkpoints would go, holds {foreign[0]!r}, which is none. "
                    "Choose another output."
                )
            if steps and not overwrite:
                raise ValueError(
                    f"{str(self.checkpoints)!r} holds the checkpoints of an interrupted run. "
                    "Go on with --resume, or begin anew with --overwrite."
                )
            shutil.rmtree(self.checkpoints)
        return None

    def _trainer(self, model: RelBERT, dataset: Dataset, show_progress_bar: bool) -> SentenceTransformerTrainer:
        sampler = partial(
            RelationBatchSampler,
            relations_per_batch=self.relations_per_batch,
            pairs_per_relation=self.pairs_per_relation,
            negatives_per_relation=self.negatives_per_relation,
            augment_negatives=self.relations_per_batch == 1,
        )
        args = SentenceTransformerTrainingArguments(
            output_dir=str(self.checkpoints),
            num_train_epochs=self.epochs,
            max_steps=self.max_steps,
            learning_rate=self.learning_rate,
            warmup_steps=self.warmup_steps,
            weight_decay=0.0,
            batch_sampler=sampler,
            seed=self.seed,
            bf16=self.bf16,
            # The trainer takes bfloat16 for a GPU's unless it is told that there is none.
            use_cpu=model.device.type == "cpu",
            dataloader_pin_memory=model.device.type == "cuda",
            save_steps=self.save_steps,
            save_total_limit=1,
            logging_steps=10,
            report_to="none",
            disable_tqdm=not show_progress_bar,
        )
        return SentenceTransformerTrainer(model=model, args=args, train_dataset=dataset, loss=self._loss(model))

    def _loss(self, model: RelBERT) -> InfoNCELoss:
        anchors: Literal["all", "first"] = "first" if self.relations_per_batch == 1 else "all"
        if self.mini_batch_size is None:
            return InfoNCELoss(model, self.temperature, anchors=anchors)
        return CachedInfoNCELoss(model, self.temperature, anchors=anchors, mini_batch_size=self.mini_batch_size)
