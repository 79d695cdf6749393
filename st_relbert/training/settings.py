"""The record of a training run that goes beside the model."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from transformers import TrainerState

from st_relbert import __version__
from st_relbert.data.relation_set import RelationSet
from st_relbert.model import RelBERT
from st_relbert.modules.relation_pooling import Aggregation

Loss = Literal["info_nce", "info_loob", "triplet", "reference_triplet"]
Schedule = Literal["linear", "constant"]
Choice = Literal["none", "accuracy", "loss"]


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """The settings of a training run.

    Args:
        base_model: The encoder to start from; a hub id or a folder.
        train_data: The relation set; see :meth:`~st_relbert.data.RelationSet.load`.
        output: The folder for the trained model.
        template: See :class:`~st_relbert.RelBERT`.
        pooling: See :class:`~st_relbert.RelBERT`.
        max_length: The number of tokens that prompts are cut at; None: the encoder's own limit.
        loss: ``"info_nce"``, ``"info_loob"``: :class:`~st_relbert.losses.InfoNCELoss`; ``"triplet"``:
            :class:`~st_relbert.losses.RelationTripletLoss`; ``"reference_triplet"``:
            :class:`~st_relbert.losses.ReferenceTripletLoss`.
        temperature: Of the first two losses.
        margin: Of the last two.
        reduction: ``"mean"`` or ``"sum"`` over a loss's terms. The reference's triplet loss is a sum in any case.
        classification_head: Train a :class:`~st_relbert.losses.ClassificationHead` along.
        parent_weight: The weight of the parents' terms, for relation sets with a hierarchy; 0: none.
        siblings_as_negatives: Whether pairs of relations with the same parent push each other away.
        epochs: Passes over the relation set.
        max_steps: Stop after so many steps, whatever ``epochs`` says; -1: do not.
        learning_rate: The peak of the learning rate.
        schedule: What follows the warm-up: ``"linear"``, a straight line down to zero, or ``"constant"``.
        warmup_steps: Steps over which the learning rate rises to its peak.
        max_grad_norm: Scale gradients down to this norm; 0: do not.
        relations_per_batch: See :class:`~st_relbert.training.RelationBatchSampler`. With 1, a step is the reference's:
            the negatives come from the other relations' positives too, and a parent is one more relation.
        pairs_per_relation: See :class:`~st_relbert.training.RelationBatchSampler`.
        negatives_per_relation: See :class:`~st_relbert.training.RelationBatchSampler`.
        size_exponent: See :class:`~st_relbert.training.RelationBatchSampler`.
        mini_batch_size: Bound the memory by so many pairs with :class:`~st_relbert.losses.CachedInfoNCELoss`, for
            batches that do not fit; None: embed a batch at once.
        choose_by: Evaluate after each epoch, and keep the model of the best: by its ``"accuracy"`` on analogy questions
            made of the validation relations (:func:`~st_relbert.training.validation_questions`), or by its ``"loss"``
            on them. ``"none"``: keep the last.
        validation_data: The validation relations; None: the split ``validation`` of the training data.
        held_out_relations: Hold this share of the training relations out and validate on them instead.
        patience: Stop when the validation has not improved for so many epochs; None: do not.
        seed: Seed of the batches, of dropout, of held-out relations and of validation questions.
        bf16: Compute in bfloat16 where that is safe; faster on recent CPUs and GPUs.
        activation_checkpointing: Keep fewer activations and compute them again; slower, for large encoders.
        save_steps: Steps between checkpoints, from which an interrupted run is resumed.
        report_to: Where to log: ``"none"``, ``"tensorboard"`` (into the folder ``{output}-checkpoints/runs``),
            ``"trackio"`` or another integration of the trainer.

    Raises:
        ValueError: If a setting has a value that it does not know, or two do not go together.
    """

    base_model: str
    train_data: str
    output: str
    template: str | None = None
    pooling: Aggregation | None = None
    max_length: int | None = None
    loss: Loss = "info_nce"
    temperature: float = 0.05
    margin: float = 1.0
    reduction: Literal["mean", "sum"] = "mean"
    classification_head: bool = False
    parent_weight: float = 0.0
    siblings_as_negatives: bool = True
    epochs: float = 10
    max_steps: int = -1
    learning_rate: float = 5e-5
    schedule: Schedule = "linear"
    warmup_steps: int = 10
    max_grad_norm: float = 1.0
    relations_per_batch: int = 32
    pairs_per_relation: int = 4
    negatives_per_relation: int = 1
    size_exponent: float = 1.0
    mini_batch_size: int | None = None
    choose_by: Choice = "none"
    validation_data: str | None = None
    held_out_relations: float = 0.0
    patience: int | None = None
    seed: int = 0
    bf16: bool = False
    activation_checkpointing: bool = False
    save_steps: int = 100
    report_to: str = "none"

    def __post_init__(self) -> None:
        """Check what no part that the settings are handed to would check."""
        for name, hint in get_type_hints(type(self)).items():
            self._check_known(name, hint)
        whole = self.loss == "reference_triplet" or self.relations_per_batch == 1
        if whole and self.parent_weight not in (0, 1):
            raise ValueError(
                f"The parent_weight is {self.parent_weight}, expected 0 or 1 for reference_triplet, and for steps of "
                "one relation."
            )
        if self.mini_batch_size is not None and "triplet" in self.loss:
            raise ValueError(f"mini_batch_size is for the losses info_nce and info_loob, not for {self.loss}.")
        if self.choose_by == "none":
            for name in ("validation_data", "held_out_relations", "patience"):
                if getattr(self, name):
                    raise ValueError(f"{name} needs choose_by, 'accuracy' or 'loss': it says what to validate by.")
        if self.validation_data and self.held_out_relations:
            raise ValueError("validation_data and held_out_relations exclude each other; leave one out.")

    def _check_known(self, name: str, hint: object) -> None:
        # Literal[...], or a union of it and None
        literals = [part for part in (hint, *get_args(hint)) if getattr(part, "__origin__", None) is Literal]
        known = [value for part in literals for value in get_args(part)]
        value = getattr(self, name)
        if known and value is not None and value not in known:
            raise ValueError(f"Unknown {name} {value!r}, expected one of {', '.join(map(repr, known))}.")


_FOLDER = Path(__file__).parent / "presets"


def preset_names() -> list[str]:
    """The presets that the package ships."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def read_preset(name_or_path: str) -> dict[str, Any]:
    """Read a preset.

    Args:
        name_or_path: A name of :func:`preset_names`, or a JSON file of the same make: an object of settings and a
            ``description``.

    Returns:
        The settings, by the names of :class:`~st_relbert.training.TrainingSettings`.

    Raises:
        ValueError: If there is no such preset, or the file holds no settings.

    Example:
        >>> read_preset("relbert-bert-base-nce-semeval2012")["base_model"]
        'bert-base-cased'
    """
    path = Path(name_or_path)
    if not path.is_file():
        path = _FOLDER / f"{name_or_path}.json"
    if name_or_path not in preset_names() and not Path(name_or_path).is_file():
        raise ValueError(
            f"There is no preset {name_or_path!r}. Expected {', '.join(preset_names())}, or a JSON file of settings."
        )
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"The preset {str(path)!r} is not JSON: {error}.") from error
    if not isinstance(settings, dict):
        raise ValueError(f"The preset {str(path)!r} is a {type(settings).__name__}, expected an object of settings.")
    settings.pop("description", None)
    known = [field.name for field in fields(TrainingSettings)]
    if unknown := [name for name in settings if name not in known]:
        raise ValueError(f"The preset {str(path)!r} has the setting {unknown[0]!r}, expected {', '.join(known)}.")
    return settings


FILE = "finetuning_config.json"
_REFERENCE_LOSSES = {"info_nce": "nce", "info_loob": "iloob", "triplet": "triplet", "reference_triplet": "triplet"}


def finetuning_config(
    settings: TrainingSettings, model: RelBERT, relations: RelationSet, state: TrainerState
) -> dict[str, Any]:
    """Describe a training run.

    Args:
        settings: Its settings.
        model: The trained model.
        relations: What it was trained on.
        state: The trainer's, at the end.

    Returns:
        The keys of the reference library's ``finetuning_config.json``, and under ``st_relbert`` all settings, the
        version, what was in the data, the steps taken and the validation results.
    """
    resolved = {name: value for name, value in asdict(settings).items() if name != "output"}
    validation = [
        {name: entry[name] for name in ("epoch", "step", "eval_loss", "eval_validation_accuracy") if name in entry}
        for entry in state.log_history
        if "eval_loss" in entry or "eval_validation_accuracy" in entry
    ]
    return {
        **_reference_keys(settings, model),
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


def _reference_keys(settings: TrainingSettings, model: RelBERT) -> dict[str, Any]:
    loss_settings: dict[str, Any] = {"mse_margin": settings.margin}
    if "triplet" not in settings.loss:
        loss_settings = {
            "temperature": settings.temperature,
            "gradient_accumulation": 1,
            "num_negative": settings.negatives_per_relation,
            "num_positive": settings.pairs_per_relation,
        }
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
        "loss_function": _REFERENCE_LOSSES[settings.loss],
        "classification_loss": settings.classification_head,
        "loss_function_config": loss_settings,
        "augment_negative_by_positive": settings.relations_per_batch == 1,
    }
