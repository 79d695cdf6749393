"""Losses that train relation embeddings."""

from st_relbert.losses.info_nce import InfoNCELoss

__all__ = ["InfoNCELoss"]
