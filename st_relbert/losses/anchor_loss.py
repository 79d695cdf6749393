"""Losses that are a sum over anchors, each with its positives and negatives."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypedDict

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor
from torch.nn import functional

from st_relbert.losses.classification_head import ClassificationHead
from st_relbert.losses.relation_batch import RelationBatch
from st_relbert.losses.relation_loss import RelationLoss


class SharedSettings(TypedDict, total=False):
    """The settings of :class:`AnchorLoss` that its subclasses hand on."""

    parents: Sequence[int] | None
    parent_weight: float
    siblings_as_negatives: bool
    classification_head: ClassificationHead | None
    gather_across_devices: bool


class AnchorLoss(RelationLoss):
    """A loss that is a sum over anchors; see :class:`InfoNCELoss` and :class:`RelationTripletLoss`.

    Args:
        model: The model to train.
        reduction: ``"mean"`` over the terms, which keeps the learning rate independent of the batch's make-up, or
            ``"sum"``, the reference's value.
        anchors: ``"all"``, or ``"first"``: only the relation of the batch's first pair is pulled together, all other
            pairs are negatives. This is the reference's step.
        parents: See :class:`~st_relbert.losses.relation_loss.RelationLoss`.
        parent_weight: The weight of the parents' terms.
        siblings_as_negatives: Whether pairs of relations with the same parent push each other away.
        classification_head: See :class:`~st_relbert.losses.relation_loss.RelationLoss`; its loss is, for each anchor,
            the mean binary cross-entropy over its positives and negatives.
        gather_across_devices: See :class:`~st_relbert.losses.relation_loss.RelationLoss`.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        reduction: Literal["mean", "sum"] = "mean",
        anchors: Literal["all", "first"] = "all",
        parents: Sequence[int] | None = None,
        parent_weight: float = 1.0,
        siblings_as_negatives: bool = True,
        classification_head: ClassificationHead | None = None,
        gather_across_devices: bool = True,
    ) -> None:
        super().__init__(model, parents, classification_head, gather_across_devices)
        if reduction not in ("mean", "sum"):
            raise ValueError(f"Unknown reduction {reduction!r}, expected 'mean' or 'sum'.")
        if anchors not in ("all", "first"):
            raise ValueError(f"Unknown anchors {anchors!r}, expected 'all' or 'first'.")
        if not parent_weight >= 0:
            raise ValueError(f"The parent_weight is {parent_weight!r}, expected a number from 0 up.")
        if parents is None and not siblings_as_negatives:
            raise ValueError("siblings_as_negatives=False needs the parents of the relations, got none.")
        self.reduction = reduction
        self.anchors = anchors
        self.parent_weight = parent_weight
        self.siblings_as_negatives = siblings_as_negatives

    @abstractmethod
    def sum_of_terms(self, batch: RelationBatch, rows: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Sum the terms of some anchors: rows ``(A,)``, their positives and negatives ``(A, B)``; a scalar."""

    @abstractmethod
    def number_of_terms(self, positives: Tensor, negatives: Tensor) -> Tensor:
        """Count these terms; a scalar."""

    def parts(self, embeddings: Tensor, labels: Tensor, pair_ids: Tensor, anchors_at_a_time: int) -> Iterator[Tensor]:
        """Compute the loss in parts, of so many anchors each; the loss is their sum."""
        for batch, weight in self._levels(embeddings, labels, pair_ids):
            rows = batch.anchors(first_only=self.anchors == "first")
            if len(rows) == 0:
                continue
            terms: Tensor | int = 1
            anchors = 1
            if self.reduction == "mean":
                terms = self.number_of_terms(batch.positives(rows), batch.negatives(rows)).clamp(min=1)
                anchors = len(rows)
            for some in rows.split(anchors_at_a_time):
                positives, negatives = batch.positives(some), batch.negatives(some)
                loss = self.sum_of_terms(batch, some, positives, negatives) / terms
                if self.classification_head is not None:
                    logits = self.classification_head(batch.embeddings[some][:, None, :], batch.embeddings)
                    loss = loss + _cross_entropy(logits, positives, negatives) / anchors
                yield weight * loss

    def _levels(self, embeddings: Tensor, labels: Tensor, pair_ids: Tensor) -> Iterator[tuple[RelationBatch, float]]:
        """The batch under its relations, and under their parents; each with its weight."""
        if self.parents is None:
            yield RelationBatch(embeddings, labels, pair_ids, families=labels), 1.0
            return
        parents = torch.tensor(self.parents, device=labels.device)
        families = labels if self.siblings_as_negatives else torch.where(labels < 0, labels, parents[labels])
        batch = RelationBatch(embeddings, labels, pair_ids, families)
        yield batch, 1.0
        if self.parent_weight > 0:
            yield batch.of_parents(parents), self.parent_weight

    def get_config_dict(self) -> dict[str, Any]:
        """The settings, for the model card."""
        config = {"reduction": self.reduction, "anchors": self.anchors, **super().get_config_dict()}
        if self.parents is not None:
            config |= {"parent_weight": self.parent_weight, "siblings_as_negatives": self.siblings_as_negatives}
        return config


def _cross_entropy(logits: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """The sum over the anchors of the mean over their positives and negatives; all ``(A, B)``."""
    losses = functional.binary_cross_entropy_with_logits(logits, positives.to(logits.dtype), reduction="none")
    compared = positives | negatives
    return (losses.where(compared, losses.new_zeros(())).sum(dim=1) / compared.sum(dim=1)).sum()
