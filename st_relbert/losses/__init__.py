"""Losses for relation embeddings. `LOSSES` contains their names in `st-relbert train`."""

from st_relbert.losses.base import AnchorLoss, RelationLoss
from st_relbert.losses.batch import ClassificationHead
from st_relbert.losses.distillation import SimilarityDistillationLoss
from st_relbert.losses.info_nce import CachedInfoNCELoss, InfoNCELoss
from st_relbert.losses.triplet import RelationTripletLoss, RelBERTTripletLoss
from st_relbert.settings import LOSSES, loss_class

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
