"""Losses that train relation embeddings."""

from st_relbert.losses.cached_info_nce import CachedInfoNCELoss
from st_relbert.losses.info_nce import InfoNCELoss

__all__ = ["CachedInfoNCELoss", "InfoNCELoss"]
