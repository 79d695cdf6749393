"""Losses that train relation embeddings."""

from st_relbert.losses.cached_info_nce import CachedInfoNCELoss
from st_relbert.losses.classification_head import ClassificationHead
from st_relbert.losses.info_nce import InfoNCELoss
from st_relbert.losses.reference_triplet import ReferenceTripletLoss
from st_relbert.losses.relation_triplet import RelationTripletLoss

__all__ = ["CachedInfoNCELoss", "ClassificationHead", "InfoNCELoss", "ReferenceTripletLoss", "RelationTripletLoss"]
