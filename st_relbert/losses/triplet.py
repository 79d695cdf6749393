"""The triplet loss, as in the paper and as in the relbert library."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor
from torch.nn import functional
from typing_extensions import Unpack

from st_relbert.losses.base import AnchorLoss, RelationLoss, RelationSettings, SharedSettings
from st_relbert.losses.batch import RelationBatch
from st_relbert.pairs import check_number, negative_label
from st_relbert.settings import TrainingSettings


class RelationTripletLoss(AnchorLoss):
    """Pulls pairs of the same relation closer together than to other pairs, by a margin.

    With the Euclidean distance d, for all pairs i and j of the same relation and all negatives n in the batch (the
    relation's own, and the pairs of the others):

        max(0, d_ij - d_in + margin)

    In the relbert library, the margin has the opposite sign, and whole batches are compared: see `RelBERTTripletLoss`.

    Args:
        model: The model to train.
        margin: How much farther away negatives should be than positives.
        **shared: `reduction`, `anchors`, `parents`, `parent_weight`, `siblings_as_negatives`, `classification_head`,
            `gather_across_devices`; see `AnchorLoss`.

    Raises:
        ValueError: If an argument is out of range.

    Examples:
        >>> loss = RelationTripletLoss(model, margin=0.5)  # a RelBERT
        >>> pairs = [("Tokyo", "Japan"), ("Paris", "France"), ("puppy", "dog")]
        >>> embeddings = model.encode(pairs, convert_to_tensor=True)
        >>> bool(loss.compute_loss_from_embeddings(embeddings, torch.tensor([0, 0, 1])) >= 0)
        True

    Inputs:
        As for `InfoNCELoss`.

    Relations:
        - sentence-transformers' `BatchAllTripletLoss` takes its negatives only from other labels, and supports neither
          a hierarchy nor pairs with several labels.

    References:
        - Ushio et al. (2021), "Distilling Relation Embeddings from Pre-trained Language Models", section 3.2:
          https://aclanthology.org/2021.emnlp-main.712
    """

    def __init__(self, model: SentenceTransformer, margin: float = 1.0, **shared: Unpack[SharedSettings]) -> None:
        super().__init__(model, **shared)
        check_number("margin", margin, may_be_0=True)
        self.margin = margin

    @classmethod
    def arguments(cls, settings: TrainingSettings) -> dict[str, Any]:
        """Return the arguments that come from the settings of a training run."""
        return {"margin": settings.margin, **super().arguments(settings)}

    def sum_of_terms(self, batch: RelationBatch, rows: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the sum of the terms of some anchors; see `RelationTripletLoss`."""
        # The faster modes, by a matrix product, lose small distances.
        distances = torch.cdist(
            batch.embeddings[rows], batch.embeddings, compute_mode="donot_use_mm_for_euclid_dist"
        )  # (A, B)
        itself = rows[:, None] == torch.arange(len(batch.labels), device=rows.device)
        anchor, positive = (positives & ~itself).nonzero(as_tuple=True)  # (T,), T the number of pairs i, j
        terms = torch.relu(distances[anchor, positive][:, None] - distances[anchor] + self.margin)  # (T, B)
        return terms[negatives[anchor]].sum()

    def number_of_terms(self, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the number of terms: each anchor has one for every other pair of its relation and every negative."""
        return ((positives.sum(dim=1) - 1) * negatives.sum(dim=1)).sum()

    def get_config_dict(self) -> dict[str, Any]:
        """Return the settings, for the model card."""
        return {"margin": self.margin, **super().get_config_dict()}


class RelBERTTripletLoss(RelationLoss):
    """The relbert library's triplet loss, to reproduce its training. Otherwise, prefer `RelationTripletLoss`.

    Each relation contributes one triplet: an anchor a and a positive p of the relation, and one of its own negatives n.
    With the Euclidean distance d, and all anchors A and all positives P of the batch as one long vector each, the loss
    is the sum over the triplets of:

        max(0, d(a, p) - d(a, n) - margin) + max(0, d(p, a) - d(p, n) - margin)
        max(0, d(A, P) - d(A, (p, p, ..., p)) - margin) + max(0, d(P, A) - d(P, (a, a, ..., a)) - margin)

    Two things differ from the usual loss. The margin is subtracted, so triplets count only if the positive is farther
    away by more than the margin. And an in-batch negative is compared with all anchors at once. With the parents of the
    relations, the first line is added once more, in which p is a pair of a relation with the same parent, and n a pair
    of a relation with another parent.

    Args:
        model: The model to train.
        margin: See above.
        **shared: `parents`, `classification_head`, `gather_across_devices`; see `RelationLoss`. The mean binary
            cross-entropy of the head over all (a, p) and (a, n) is added, and once more for the parents.

    Inputs:
        As for `InfoNCELoss`, in batches of two pairs per relation and one of its own negatives (`pairs_per_relation=2,
        negatives_per_relation=1`). Relations without two pairs and a negative are left out.

    Raises:
        ValueError: If an argument is out of range.

    Examples:
        >>> loss = RelBERTTripletLoss(model, margin=0.01)  # a RelBERT
        >>> pairs = [("Tokyo", "Japan"), ("Paris", "France"), ("Japan", "Tokyo")]
        >>> embeddings = model.encode(pairs, convert_to_tensor=True)
        >>> bool(loss.compute_loss_from_embeddings(embeddings, torch.tensor([0, 0, -1])) >= 0)
        True

    References:
        - Ushio et al. (2021), "Distilling Relation Embeddings from Pre-trained Language Models", section 3.2, and the
          code of the relbert library.
    """

    def __init__(self, model: SentenceTransformer, margin: float = 1.0, **shared: Unpack[RelationSettings]) -> None:
        super().__init__(model, **shared)
        check_number("margin", margin, may_be_0=True)
        self.margin = margin

    @classmethod
    def arguments(cls, settings: TrainingSettings) -> dict[str, Any]:
        """Return the arguments that come from the settings of a training run."""
        return {"margin": settings.margin}

    @classmethod
    def check_settings(cls, settings: TrainingSettings) -> None:
        """Refuse settings that the relbert library's loss does not have.

        The terms of the parents are either included or not, and siblings are always negatives.
        """
        super().check_settings(settings)
        if not settings.siblings_as_negatives:
            raise ValueError(f"siblings_as_negatives is False, expected True for {settings.loss!r}. Omit it.")
        if settings.parent_weight not in (0, 1):
            raise ValueError(f"parent_weight is {settings.parent_weight}, expected 0 or 1 for {settings.loss!r}.")

    def parts(self, embeddings: Tensor, labels: Tensor, pair_ids: Tensor, anchors_at_a_time: int) -> Iterator[Tensor]:
        """Compute the loss, in one part."""
        rows = triplet_rows(labels)  # (3, R)
        if rows.shape[1] == 0:
            self.warn_of_no_terms(len(labels))
            return
        anchor, positive, negative = embeddings[rows]
        further: Tensor | tuple[()] = ()
        if self.parents is not None:
            parents = self.parents_for(labels)[labels[rows[0]]]
            further = embeddings[parent_rows(rows[0], parents)]
        yield self.compute_loss_from_triplets(anchor, positive, negative, *further)

    def compute_loss_from_triplets(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor,
        positive_parent: Tensor | None = None,
        negative_parent: Tensor | None = None,
    ) -> Tensor:
        """Compute the loss of embedded triplets, one for each relation.

        Args:
            anchor: `(R, d)`, like the other arguments.
            positive: Another pair of the relation.
            negative: One of the relation's negatives.
            positive_parent: A pair of a relation with the same parent.
            negative_parent: A pair of a relation with another parent.

        Returns:
            A scalar.
        """
        loss = self._both_ways(anchor, positive, negative)
        for near, far in ((anchor, positive), (positive, anchor)):
            # With one vector for the batch, there is one distance for the positives and one for each in-batch negative.
            together = torch.linalg.vector_norm(near - far)
            apart = torch.linalg.vector_norm(near[None, :, :] - far[:, None, :], dim=(1, 2))  # (R,)
            loss = loss + self._hinge(together - apart)
        if positive_parent is not None and negative_parent is not None:
            loss = loss + self._both_ways(anchor, positive_parent, negative_parent)
        return loss

    def _both_ways(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        together = torch.linalg.vector_norm(anchor - positive, dim=1)
        loss = self._hinge(together - torch.linalg.vector_norm(anchor - negative, dim=1))
        loss = loss + self._hinge(together - torch.linalg.vector_norm(positive - negative, dim=1))
        if self.classification_head is not None:
            logits = self.classification_head(anchor, torch.stack([positive, negative]))  # (2, R)
            targets = torch.stack([torch.ones_like(logits[0]), torch.zeros_like(logits[1])])
            loss = loss + functional.binary_cross_entropy_with_logits(logits, targets)
        return loss

    def _hinge(self, difference: Tensor) -> Tensor:
        return torch.relu(difference - self.margin).sum()

    def get_config_dict(self) -> dict[str, Any]:
        """Return the settings, for the model card."""
        return {"margin": self.margin, **super().get_config_dict()}


def triplet_rows(labels: Tensor) -> Tensor:
    """Select a triplet for each relation: its first two pairs, and the first of its own negatives.

    Takes the labels `(B,)`, and returns rows `(3, R)`, in the order of the anchors: anchors, positives, negatives.
    """
    of_label: dict[int, list[int]] = defaultdict(list)
    for row, label in enumerate(labels.tolist()):
        of_label[label].append(row)
    triplets = [
        (*rows[:2], of_label[negative_label(label)][0])
        for label, rows in list(of_label.items())
        if label >= 0 and len(rows) >= 2 and negative_label(label) in of_label
    ]
    return torch.tensor(triplets, dtype=torch.long, device=labels.device).reshape(-1, 3).T


def parent_rows(anchors: Tensor, parents: Tensor) -> Tensor:
    """Select the pairs for the parents' terms: the next anchor with the same parent, and the next one with another.

    Takes the anchors' rows `(R,)`, one per relation, and the relations' parents `(R,)`. Returns rows `(2, R)`, in which
    a relation without siblings is its own sibling, or `(0, R)` if there is only one parent.
    """
    if len(parents.unique()) < 2:
        return anchors.new_empty((0, len(anchors)))
    count = len(parents)
    steps = torch.arange(count, device=parents.device)
    following = (steps[:, None] + steps[None, :] + 1) % count  # (R, R)
    same = parents[following] == parents[:, None]
    first = torch.stack([same.int().argmax(dim=1), (~same).int().argmax(dim=1)])  # (2, R)
    return anchors[following.gather(1, first.T).T]
