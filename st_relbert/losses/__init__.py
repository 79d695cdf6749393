"""Losses that train relation embeddings, and the names that `st-relbert train` knows them by."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from st_relbert.losses.base import AnchorLoss, RelationLoss
    from st_relbert.losses.distillation import SimilarityDistillationLoss
    from st_relbert.losses.head import ClassificationHead
    from st_relbert.losses.info_nce import CachedInfoNCELoss, InfoNCELoss
    from st_relbert.losses.triplet import RelationTripletLoss, RelBERTTripletLoss

# Imported on first use: the command line lists the losses without waiting for torch.
_MODULES = {
    "AnchorLoss": "base",
    "CachedInfoNCELoss": "info_nce",
    "ClassificationHead": "head",
    "InfoNCELoss": "info_nce",
    "RelBERTTripletLoss": "triplet",
    "RelationLoss": "base",
    "RelationTripletLoss": "triplet",
    "SimilarityDistillationLoss": "distillation",
}

LOSSES = {
    "info_nce": "st_relbert.losses.info_nce:InfoNCELoss",
    "info_loob": "st_relbert.losses.info_nce:InfoNCELoss",
    "triplet": "st_relbert.losses.triplet:RelationTripletLoss",
    "relbert_triplet": "st_relbert.losses.triplet:RelBERTTripletLoss",
    "distillation": "st_relbert.losses.distillation:SimilarityDistillationLoss",
}
"""The setting `loss` of a training run, and the class it stands for, as "module:class"; add your own here."""

__all__ = [
    "LOSSES",
    "AnchorLoss",
    "CachedInfoNCELoss",
    "ClassificationHead",
    "InfoNCELoss",
    "RelBERTTripletLoss",
    "RelationLoss",
    "RelationTripletLoss",
    "SimilarityDistillationLoss",
    "loss_class",
]


def loss_class(name: str) -> type[RelationLoss]:
    """The class of the loss of this name.

    Args:
        name: A key of `LOSSES`.

    Raises:
        ValueError: If there is none.

    Examples:
        >>> loss_class("triplet").__name__
        'RelationTripletLoss'
    """
    if name not in LOSSES:
        raise ValueError(f"Unknown loss {name!r}, expected one of {', '.join(map(repr, LOSSES))}.")
    found: type[RelationLoss] = pkgutil.resolve_name(LOSSES[name])
    return found


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
