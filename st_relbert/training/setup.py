"""From settings to the parts of a training run."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import torch
from sentence_transformers import SentenceTransformerTrainingArguments

from st_relbert.evaluation import AnalogyEvaluator
from st_relbert.losses import (
    CachedInfoNCELoss,
    ClassificationHead,
    InfoNCELoss,
    ReferenceTripletLoss,
    RelationTripletLoss,
)
from st_relbert.losses.relation_loss import RelationLoss
from st_relbert.model import RelBERT
from st_relbert.training.relation_set import RelationSet
from st_relbert.training.sampler import RelationBatchSampler
from st_relbert.training.settings import TrainingSettings
from st_relbert.training.validation import validation_questions

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


def build_loss(settings: TrainingSettings, model: RelBERT, relations: RelationSet) -> RelationLoss:
    """The loss.

    Raises:
        ValueError: If a setting is out of range.
    """
    common: dict[str, Any] = {"parents": None}
    # In steps of one relation the parents are relations of the data.
    if settings.relations_per_batch > 1 and (settings.parent_weight or not settings.siblings_as_negatives):
        common["parents"] = relations.parents
    if settings.classification_head:
        # Its first weights are part of what the seed decides, and the same in every process.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            common["classification_head"] = ClassificationHead(model.get_embedding_dimension() or 0)
    if settings.loss == "reference_triplet":
        return ReferenceTripletLoss(model, settings.margin, **common)
    common["reduction"] = settings.reduction
    common["anchors"] = "first" if settings.relations_per_batch == 1 else "all"
    common["parent_weight"] = settings.parent_weight
    common["siblings_as_negatives"] = settings.siblings_as_negatives
    if settings.loss == "triplet":
        return RelationTripletLoss(model, settings.margin, **common)
    common["info_loob"] = settings.loss == "info_loob"
    if settings.mini_batch_size is None:
        return InfoNCELoss(model, settings.temperature, **common)
    return CachedInfoNCELoss(model, settings.temperature, mini_batch_size=settings.mini_batch_size, **common)


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
