"""The triplet loss over batches that hold any number of relations."""

from __future__ import annotations

from typing import Any, Literal

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor
from typing_extensions import Unpack

from st_relbert.losses.anchor_loss import AnchorLoss, SharedSettings
from st_relbert.losses.relation_batch import RelationBatch


class RelationTripletLoss(AnchorLoss):
    """Wants pairs of the same relation nearer to each other than to other pairs, by a margin.

    With d the Euclidean distance, over all pairs i and j of the same relation and all negatives n of the batch, the
    relation's own and the pairs of the others::

        max(0, d_ij - d_in + margin)

    The reference library has the margin's sign the other way round and compares whole batches;
    :class:`ReferenceTripletLoss` is its formula.

    Args:
        model: The model to train.
        margin: By how much negatives are to be farther away than positives.
        reduction: See :class:`~st_relbert.losses.anchor_loss.AnchorLoss`, as for all that follow.
        anchors: ``"all"`` relations, or the ``"first"``.
        **shared: ``parents``, ``parent_weight``, ``siblings_as_negatives``, ``classification_head``,
            ``gather_across_devices``.

    Raises:
        ValueError: If an argument is out of range.

    Inputs:
        As for :class:`InfoNCELoss`.

    Relations:
        - :class:`sentence_transformers.losses.BatchAllTripletLoss` takes its negatives from other labels only, and
          knows neither a hierarchy nor pairs that stand under several labels.

    References:
        - Ushio et al. (2021), "Distilling Relation Embeddings from Pre-trained Language Models", section 3.2:
          https://aclanthology.org/2021.emnlp-main.712
    """

    def __init__(
        self,
        model: SentenceTransformer,
        margin: float = 1.0,
        reduction: Literal["mean", "sum"] = "mean",
        anchors: Literal["all", "first"] = "all",
        **shared: Unpack[SharedSettings],
    ) -> None:
        super().__init__(model, reduction, anchors, **shared)
        if not margin >= 0:
            raise ValueError(f"The margin is {margin!r}, expected a number from 0 up.")
        self.margin = margin

    def sum_of_terms(self, batch: RelationBatch, rows: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Sum the terms of some anchors; see :class:`RelationTripletLoss`."""
        # The faster ways through a matrix product lose the small distances.
        distances = torch.cdist(
            batch.embeddings[rows], batch.embeddings, compute_mode="donot_use_mm_for_euclid_dist"
        )  # (A, B)
        itself = rows[:, None] == torch.arange(len(batch.labels), device=rows.device)
        anchor, positive = (positives & ~itself).nonzero(as_tuple=True)  # (T,), T the number of pairs i, j
        terms = torch.relu(distances[anchor, positive][:, None] - distances[anchor] + self.margin)  # (T, B)
        return terms[negatives[anchor]].sum()

    def number_of_terms(self, positives: Tensor, negatives: Tensor) -> Tensor:
        """Count the terms: each anchor has one with every other pair of its relation and every negative."""
        return ((positives.sum(dim=1) - 1) * negatives.sum(dim=1)).sum()

    def get_config_dict(self) -> dict[str, Any]:
        """The settings, for the model card."""
        return {"margin": self.margin, **super().get_config_dict()}
