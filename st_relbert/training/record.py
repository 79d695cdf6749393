"""The record of a training run, saved with the model, and the chosen checkpoint's evaluation for the model card."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from st_relbert import __version__
from st_relbert.data.relation_set import RelationSet
from st_relbert.model import RelBERT
from st_relbert.settings import TrainingSettings

# The relbert library's names of the losses that it has.
_LOSSES = {"info_nce": "nce", "info_loob": "iloob", "relbert_triplet": "triplet"}


def write_record(
    folder: Path, settings: TrainingSettings, model: RelBERT, relations: RelationSet, state: TrainerState
) -> None:
    """Write the record of a training run, given the trainer's final state, into the folder of its model.

    It has the keys of the relbert library's `finetuning_config.json`, and under `st_relbert` all settings, the version,
    a summary of the data, the number of steps and the validation results.
    """
    resolved = {name: value for name, value in asdict(settings).items() if name != "output"}
    validation = [
        {name: entry[name] for name in ("epoch", "step", "eval_loss", "eval_validation_accuracy") if name in entry}
        for entry in state.log_history
        if "eval_loss" in entry or "eval_validation_accuracy" in entry
    ]
    record = {
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
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    (folder / "finetuning_config.json").write_text(text, encoding="utf-8")


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
        "loss_function": _LOSSES.get(settings.loss, settings.loss),
        "loss_function_config": {
            "temperature": settings.temperature,
            "mse_margin": settings.margin,
            "gradient_accumulation": 1,
            "num_negative": settings.negatives_per_relation,
            "num_positive": settings.pairs_per_relation,
        },
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
