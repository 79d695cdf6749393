"""Losses that train relation embeddings."""

from st_relbert.losses.base import ClassificationHead
from st_relbert.losses.info_nce import CachedInfoNCELoss, InfoNCELoss
from st_relbert.losses.triplet import ReferenceTripletLoss, RelationTripletLoss

__all__ = ["CachedInfoNCELoss", "ClassificationHead", "InfoNCELoss", "ReferenceTripletLoss", "RelationTripletLoss"]
