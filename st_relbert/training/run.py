"""A whole training run: data and encoder in, saved model out."""

from __future__ import annotations

import logging
import os
import random
from functools import partial
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformerTrainingArguments
from transformers import EarlyStoppingCallback, PrinterCallback, ProgressCallback

from st_relbert.data.relation_set import RelationSet
from st_relbert.evaluation import AnalogyEvaluator
from st_relbert.files.outputs import atomic_output, check_output
from st_relbert.losses import loss_class
from st_relbert.model import RelBERT
from st_relbert.model_card import RelBERTModelCardData
from st_relbert.pairs import Pair
from st_relbert.training.record import finetuning_config, write_finetuning_config
from st_relbert.training.sampler import RelationBatchSampler
from st_relbert.training.settings import TrainingSettings
from st_relbert.training.trainer import (
    CheckpointCallback,
    CheckpointFolder,
    ProgressBar,
    RelationTrainer,
    TrainingInterrupted,
)


def validation_questions(relations: RelationSet, seed: int = 0, choices: int = 10) -> list[dict[str, Any]]:
    """Make analogy questions of a relation set.

    One for each pair of a relation that has several: the pair is the stem, the relation's next pair the right choice
    (after the last comes the first). The wrong choices are up to half from the relation's own negatives, the others
    one each from other relations, drawn at random. A pair that stands under the stem's relation is no wrong choice.

    Args:
        relations: The relations, of a validation split.
        seed: Decides the wrong choices and the order of all.
        choices: How many choices a question has, fewer where there are not enough relations.

    Returns:
        Records with ``stem``, ``choice``, ``answer`` and ``prefix`` (the relation).

    Raises:
        ValueError: If no relation has two pairs.

    Example:
        >>> relations = RelationSet.load("starter", "validation")
        >>> questions = validation_questions(relations)
        >>> len(questions), len(questions[0]["choice"])
        (478, 10)
    """
    rng = random.Random(seed)
    questions = []
    for name, pairs in relations.positives.items():
        for index, stem in enumerate(pairs if len(pairs) > 1 else []):
            answer = pairs[(index + 1) % len(pairs)]
            options = [answer, *_wrong_choices(relations, name, choices - 1, rng)]
            rng.shuffle(options)
            question = {"stem": stem, "choice": options, "answer": options.index(answer), "prefix": name}
            questions.append(question)
    if not questions:
        raise ValueError("No relation of the validation set has two pairs, so it makes no questions. Choose by 'loss'.")
    return questions


def _wrong_choices(relations: RelationSet, name: str, count: int, rng: random.Random) -> list[Pair]:
    right = set(relations.positives[name])
    own = [pair for pair in relations.negatives[name] if pair not in right]
    wrong = dict.fromkeys(rng.sample(own, min(len(own), count // 2)))
    others = [other for other in relations.names if other != name]
    for other in rng.sample(others, len(others)):
        if len(wrong) >= count:
            break
        pair = rng.choice(relations.positives[other])
        if pair not in right:
            wrong.setdefault(pair)
    return list(wrong)


_METRICS = {"accuracy": "eval_validation_accuracy", "loss": "eval_loss"}


def load_data(settings: TrainingSettings) -> tuple[RelationSet, RelationSet | None]:
    """The relations to train on, and those to validate on if a checkpoint is to be chosen.

    Raises:
        ValueError: If the data are unusable.
    """
    relations = RelationSet.load(settings.train_data, "train")
    if settings.choose_by == "none":
        return relations, None
    if settings.held_out_relations:
        return relations.hold_out(settings.held_out_relations, settings.seed)
    if settings.validation_data is None and os.path.isfile(settings.train_data):
        raise ValueError(
            f"choose_by needs validation relations, and the file {settings.train_data!r} has no splits. Name them by "
            "validation_data, or hold relations out by held_out_relations."
        )
    return relations, RelationSet.load(settings.validation_data or settings.train_data, "validation")


def build_arguments(settings: TrainingSettings, model: RelBERT, folder: str) -> SentenceTransformerTrainingArguments:
    """The trainer's arguments.

    Args:
        settings: The settings.
        model: The model, for its device.
        folder: Where the checkpoints go.
    """
    choose = settings.choose_by != "none"
    return SentenceTransformerTrainingArguments(
        output_dir=folder,
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear" if settings.schedule == "linear" else "constant_with_warmup",
        warmup_steps=settings.warmup_steps,
        max_grad_norm=settings.max_grad_norm,
        weight_decay=0.0,
        batch_sampler=partial(
            RelationBatchSampler,
            relations_per_batch=settings.relations_per_batch,
            pairs_per_relation=settings.pairs_per_relation,
            negatives_per_relation=settings.negatives_per_relation,
            size_exponent=settings.size_exponent,
            augment_negatives=settings.relations_per_batch == 1,
        ),
        seed=settings.seed,
        bf16=settings.bf16,
        activation_checkpointing=settings.activation_checkpointing,
        # The trainer takes bfloat16 for a GPU's unless it is told that there is none.
        use_cpu=model.device.type == "cpu",
        dataloader_pin_memory=model.device.type == "cuda",
        eval_strategy="epoch" if choose else "no",
        save_strategy="epoch" if choose else "no",  # and every save_steps, by a callback
        save_total_limit=2 if choose else 1,  # the best and the last
        load_best_model_at_end=choose,
        metric_for_best_model=_METRICS.get(settings.choose_by),
        greater_is_better=settings.choose_by == "accuracy" if choose else None,
        restore_callback_states_from_checkpoint=True,
        logging_steps=10,
        logging_first_step=True,
        report_to=settings.report_to,
    )


def build_validation(settings: TrainingSettings, validation: RelationSet | None) -> dict[str, Any]:
    """The trainer's evaluator or evaluation data."""
    if validation is None:
        return {}
    if settings.choose_by == "loss":
        return {"eval_dataset": validation.dataset()}
    questions = validation_questions(validation, settings.seed)
    return {"evaluator": AnalogyEvaluator(questions, name="validation", write_csv=False)}


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
            loss=loss_class(self.loss).from_settings(model, self, relations.parents),
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
