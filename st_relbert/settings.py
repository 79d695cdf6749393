"""Training settings, loss names and presets (settings stored in files). This module does not import torch."""

from __future__ import annotations

import math
import pkgutil
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from st_relbert.pairs import check_known
from st_relbert.templates import NAMED_TEMPLATES, PoolingMode

Schedule = Literal["linear", "constant"]
Choice = Literal["none", "accuracy", "loss"]

LOSSES = {
    "info_nce": "st_relbert.losses.info_nce:InfoNCELoss",
    "info_loob": "st_relbert.losses.info_nce:InfoNCELoss",
    "triplet": "st_relbert.losses.triplet:RelationTripletLoss",
    "relbert_triplet": "st_relbert.losses.triplet:RelBERTTripletLoss",
    "distillation": "st_relbert.losses.distillation:SimilarityDistillationLoss",
}
"""Maps values of the setting `loss` to classes, written as "module:class". Add your own losses here."""

_TEMPLATES = ", ".join(sorted(NAMED_TEMPLATES))


def loss_class(name: str) -> type[Any]:
    """Return the class of a loss, a subclass of `RelationLoss`.

    Args:
        name: A key of `LOSSES`.

    Raises:
        ValueError: If there is no loss with this name.

    Examples:
        >>> loss_class("triplet").__name__
        'RelationTripletLoss'
    """
    check_known("loss", name, LOSSES)
    found: type[Any] = pkgutil.resolve_name(LOSSES[name])
    return found


_RANGES: dict[str, Callable[[Any], bool]] = {
    "above 0": lambda number: number > 0,
    "at least 0": lambda number: number >= 0,
    "at least 1": lambda number: number >= 1,
    "at least 1, or -1": lambda number: number >= 1 or number == -1,
    "at least 2": lambda number: number >= 2,
    "from 0 to 1": lambda number: 0 <= number <= 1,
    "from 0 to below 1": lambda number: 0 <= number < 1,
    "from 0 to 4294967295": lambda number: 0 <= number < 2**32,  # as NumPy's seeds
}


def _setting(topic: str, text: str, default: Any = MISSING, numbers: str | None = None) -> Any:
    """Define a setting; `numbers` is the key in `_RANGES` of those that it may be."""
    return field(default=default, metadata={"topic": topic, "help": text, "numbers": numbers})


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """The settings of a training run.

    Each field has its help text and topic as metadata. The options of `st-relbert train`, the validation of presets and
    the settings page of the documentation are generated from the fields.

    Raises:
        ValueError: If a setting has an invalid value, or two settings are incompatible.

    Examples:
        >>> settings = TrainingSettings(base_model="bert-base-cased", train_data="starter", output="relbert-nce")
        >>> settings.temperature
        0.05
    """

    base_model: str = _setting("model and data", "encoder to start from: hub id or folder")
    train_data: str = _setting(
        "model and data", "relation set: file, folder, hub id, starter or relations", "relations"
    )
    output: str = _setting("output", "folder for the trained model")
    mismatches: bool = _setting("model and data", "add negatives made from each relation's own words", False)
    template: str | None = _setting(
        "model and data",
        f"prompt template: {_TEMPLATES}, or a text with <subj>, <obj>, <mask>; default: the model's own",
        None,
    )
    pooling: PoolingMode | None = _setting("model and data", "average_no_mask, average or mask", None)
    max_length: int | None = _setting(
        "model and data", "cut prompts after this many tokens; default: no limit", None, "at least 1"
    )
    loss: str = _setting("objective", f"loss to minimise: {', '.join(LOSSES)}", "info_nce")
    teacher: str | None = _setting("objective", "model that the distillation loss learns from: folder or hub id", None)
    temperature: float = _setting("objective", "temperature of info_nce, info_loob and distillation", 0.05, "above 0")
    margin: float = _setting("objective", "margin of the triplet losses", 1.0, "at least 0")
    reduction: Literal["mean", "sum"] = _setting("objective", "mean or sum over the terms of the loss", "mean")
    classification_head: bool = _setting(
        "objective", "also train a classifier of whether two pairs have the same relation", False
    )
    parent_weight: float = _setting(
        "objective", "weight of the loss terms of parents (in names parent/child)", 0.0, "at least 0"
    )
    siblings_as_negatives: bool = _setting("objective", "push relations with the same parent apart", True)
    epochs: float = _setting("optimisation", "passes over the relation set", 10, "above 0")
    max_steps: int = _setting(
        "optimisation", "stop after this many steps, regardless of epochs; -1: no limit", -1, "at least 1, or -1"
    )
    learning_rate: float = _setting("optimisation", "peak learning rate", 5e-5, "above 0")
    schedule: Schedule = _setting("optimisation", "after the warm-up: linear (down to zero) or constant", "linear")
    warmup_steps: int = _setting("optimisation", "steps until the peak learning rate", 10, "at least 0")
    max_grad_norm: float = _setting("optimisation", "clip gradients to this norm; 0: no clipping", 1.0, "at least 0")
    relations_per_batch: int = _setting(
        "batches", "relations per batch; 1: as in the relbert library", 32, "at least 1"
    )
    pairs_per_relation: int = _setting("batches", "positive pairs per relation in a batch", 4, "at least 2")
    negatives_per_relation: int = _setting("batches", "additional negatives per relation", 1, "at least 0")
    size_exponent: float = _setting(
        "batches", "1: weight relations by their number of pairs; 0: equally", 1.0, "from 0 to 1"
    )
    pairs_per_batch: int = _setting(
        "batches", "pairs per batch and device, for the distillation loss", 512, "at least 1"
    )
    mini_batch_size: int | None = _setting(
        "batches", "embed this many pairs at a time, to limit memory", None, "at least 1"
    )
    choose_by: Choice = _setting("choice of the checkpoint", "keep the best epoch, by accuracy or loss", "none")
    validation_data: str | None = _setting("choice of the checkpoint", "relations to validate on", None)
    held_out_relations: float = _setting(
        "choice of the checkpoint", "validate on this share of the relations", 0.0, "from 0 to below 1"
    )
    patience: int | None = _setting(
        "choice of the checkpoint", "stop after this many epochs without improvement", None, "at least 1"
    )
    dropout: float | None = _setting(
        "optimisation", "dropout rate of the encoder; default: its own", None, "from 0 to below 1"
    )
    seed: int = _setting("optimisation", "random seed of batches, dropout and validation", 0, "from 0 to 4294967295")
    bf16: bool = _setting("batches", "compute in bfloat16, where the processor has instructions for it", False)
    activation_checkpointing: bool = _setting("batches", "recompute activations to save memory", False)
    save_steps: int = _setting("checkpoints and logs", "steps between checkpoints to resume from", 100, "at least 1")
    report_to: str = _setting("checkpoints and logs", "log to tensorboard, trackio or another integration", "none")

    def __post_init__(self) -> None:
        """Check what the components that receive the settings do not check themselves."""
        for name, hint in get_type_hints(type(self)).items():
            self._check(name, hint)
        for each in fields(TrainingSettings):
            value, numbers = getattr(self, each.name), each.metadata["numbers"]
            if numbers is None or value is None:
                continue
            if not math.isfinite(value):
                raise ValueError(f"{each.name} is {value}, expected a finite number {numbers}.")
            if not _RANGES[numbers](value):
                raise ValueError(f"{each.name} is {value}, expected a number {numbers}.")
        loss_class(self.loss).check_settings(self)
        if (self.teacher is None) == (self.loss == "distillation"):
            raise ValueError(
                f"The loss is {self.loss!r} and the teacher is {self.teacher!r}. The loss 'distillation' needs a "
                "teacher, which is a trained model. The other losses take none."
            )
        if self.relations_per_batch == 1 and self.parent_weight not in (0, 1):
            raise ValueError(
                f"parent_weight is {self.parent_weight}, expected 0 or 1 because relations_per_batch is 1. In steps of "
                "one relation, a parent counts as one more relation."
            )
        if self.relations_per_batch == 1 and not self.siblings_as_negatives:
            raise ValueError(
                "siblings_as_negatives is False, which steps of one relation do not support. Omit it, or set "
                "relations_per_batch above 1."
            )
        if self.choose_by == "none":
            for name in ("validation_data", "held_out_relations", "patience"):
                if getattr(self, name):
                    raise ValueError(f"{name} needs validation. Set choose_by to 'accuracy' or 'loss', or omit {name}.")
        if self.validation_data and self.held_out_relations:
            raise ValueError("validation_data and held_out_relations cannot be combined. Omit one of them.")

    def _check(self, name: str, hint: Any) -> None:
        """Raise ValueError if the field's type does not allow its value."""
        value = getattr(self, name)
        kinds = [hint] if get_origin(hint) is Literal or isinstance(hint, type) else get_args(hint)  # or a union
        if any(value in get_args(kind) if get_origin(kind) is Literal else _is(value, kind) for kind in kinds):
            return
        choices = [repr(choice) for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
        if choices:
            raise ValueError(f"Unknown {name} {value!r}, expected one of {', '.join(choices)}.")
        expected = " or ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)
        raise ValueError(f"The setting {name} is {value!r}, expected {expected}.")


def _is(value: Any, kind: type) -> bool:
    # An int is accepted as a float, but a bool is not accepted as a number.
    kinds = (int, float) if kind is float else kind
    return isinstance(value, kinds) and isinstance(value, bool) == (kind is bool)


_FOLDER = Path(__file__).parent / "training" / "presets"


def preset_names() -> list[str]:
    """Return the names of the presets that the package ships."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def read_preset(name_or_path: str) -> dict[str, Any]:
    """Read a preset.

    Args:
        name_or_path: One of `preset_names`, or a JSON file in the same format: an object with settings and a
            `description`.

    Returns:
        The settings, keyed by the field names of `TrainingSettings`.

    Raises:
        ValueError: If there is no such preset, or the file does not contain settings.

    Examples:
        >>> read_preset("relbert-bert-base-nce-semeval2012")["base_model"]
        'bert-base-cased'
    """
    path = Path(name_or_path)
    if not path.is_file() and name_or_path in preset_names():
        path = _FOLDER / f"{name_or_path}.json"
    if not path.is_file():
        raise ValueError(
            f"There is no preset {name_or_path!r}, expected {', '.join(preset_names())}, or a JSON file of settings."
        )
    from st_relbert.files.text import parse_json  # imported here, so that --help does not load Arrow

    try:
        settings = parse_json(path.read_text(encoding="utf-8-sig"), "it")
    except ValueError as error:
        raise ValueError(f"Cannot read the preset {str(path)!r}: {error}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"The preset {str(path)!r} is a {type(settings).__name__}, expected an object of settings.")
    settings.pop("description", None)
    known = [field.name for field in fields(TrainingSettings)]
    if unknown := [name for name in settings if name not in known]:
        raise ValueError(
            f"The preset {str(path)!r} has the unknown setting {unknown[0]!r}, expected one of {', '.join(known)}."
        )
    return settings
