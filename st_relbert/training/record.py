"""The record of a training run, saved with the model, and the chosen checkpoint's evaluation for the model card."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from st_relbert import __version__
from st_relbert.data.relation_set import RelationSet
from st_relbert.losses import loss_class
from st_relbert.model import RelBERT
from st_relbert.settings import TrainingSettings

FILE = "finetuning_config.json"


def finetuning_config(
    settings: TrainingSettings, model: RelBERT, relations: RelationSet, state: TrainerState
) -> dict[str, Any]:
    """Describe a training run, given the trainer's final state.

    Returns the keys of the relbert library's `finetuning_config.json`, and under `st_relbert` all settings, the
    version, a summary of the data, the number of steps and the validation results.
    """
    resolved = {name: value for name, value in asdict(settings).items() if name != "output"}
    validation = [
        {name: entry[name] for name in ("epoch", "step", "eval_loss", "eval_validation_accuracy") if name in entry}
        for entry in state.log_history
        if "eval_loss" in entry or "eval_validation_accuracy" in entry
    ]
    return {
        **_relbert_keys(settings, model),
        "st_relbert": {
            "version": __version__,
            **resolved,
            "relations": str(relations),
            "steps": state.global_step,
            "validation": validation,
            "chosen_step": state.global_step if settings.choose_by == "none" else state.best_global_step,
        },
    }


def write_finetuning_config(folder: Path, config: dict[str, Any]) -> None:
    """Write the record into a model's folder."""
    (folder / FILE).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _relbert_keys(settings: TrainingSettings, model: RelBERT) -> dict[str, Any]:
    return {
        "template": model.template,
        "model": settings.base_model,
        "max_length": model.max_seq_length,
        "epoch": settings.epochs,
        "batch": settings.mini_batch_size or settings.relations_per_batch,
        "random_seed": settings.seed,
        "lr": settings.learning_rate,
        "lr_warmup": settings.warmup_steps,
        "aggregation_mode": model.pooling,
        "data": settings.train_data,
        "data_name": None,
        "exclude_relation": None,
        "split": "train",
        "split_valid": "validation",
        "classification_loss": settings.classification_head,
        **loss_class(settings.loss).relbert_config(settings),
        "augment_negative_by_positive": settings.relations_per_batch == 1,
    }


class ChosenEvaluation(TrainerCallback):
    """A trainer callback that puts the evaluation of the chosen checkpoint into the model card.

    Sentence-transformers keeps the last evaluation, whichever checkpoint `load_best_model_at_end` loads.
    """

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any
    ) -> None:
        """Replace the last figures by those of the chosen step."""
        if not args.load_best_model_at_end:
            return
        logged = {}
        for entry in state.log_history:
            if entry["step"] == state.best_global_step:
                logged.update(entry)
        for metrics in model.model_card_data.eval_results_dict.values():
            metrics.update({name: logged[f"eval_{name}"] for name in metrics if f"eval_{name}" in logged})
