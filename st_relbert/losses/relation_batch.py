"""The embedded pairs of a batch, and which of them are positives and negatives of which."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class RelationBatch:
    """The embedded pairs of a batch.

    Args:
        embeddings: ``(B, d)``.
        labels: ``(B,)`` integers: the relation of each pair; below 0 for a pair that is a negative only.
        pair_ids: ``(B,)`` integers from 0, equal for equal pairs.
        families: ``(B,)`` integers: pairs of the same family are never negatives of one another. Usually the labels;
            the parents, where siblings are to be left alone.
    """

    embeddings: Tensor
    labels: Tensor
    pair_ids: Tensor
    families: Tensor

    def anchors(self, first_only: bool = False) -> Tensor:
        """Find the pairs that anchor terms of a loss.

        A relation with a single pair has nothing to pull together, unless it is the only one.

        Args:
            first_only: Only the pairs of the first pair's relation.

        Returns:
            Their rows, ``(A,)``.
        """
        related = self.labels >= 0
        if first_only:
            related = related & (self.labels == self.labels[0])
        _, index, counts = self.labels.unique(return_inverse=True, return_counts=True)
        if len(self.labels[related].unique()) > 1:
            related = related & (counts[index] >= 2)
        return related.nonzero().squeeze(1)

    def positives(self, rows: Tensor) -> Tensor:
        """Which pairs ``(B,)`` stand in the relation of each anchor ``(A,)``, itself included: ``(A, B)`` booleans."""
        return self.labels[rows][:, None] == self.labels[None, :]

    def negatives(self, rows: Tensor) -> Tensor:
        """Which pairs ``(B,)`` are pushed away from each anchor ``(A,)``: ``(A, B)`` booleans.

        A pair that stands anywhere in the batch, in whatever row, as one of the anchor's family is none.
        """
        families, index = self.families.unique(return_inverse=True)
        holds = torch.zeros(len(families), int(self.pair_ids.max()) + 1, dtype=torch.bool, device=self.labels.device)
        holds[index, self.pair_ids] = True
        return ~holds[index[rows]][:, self.pair_ids]

    def of_parents(self, parents: Tensor) -> RelationBatch:
        """The same pairs under the parents of their relations, without the pairs that are negatives only.

        Args:
            parents: ``(R,)``, the parent of each relation.
        """
        related = self.labels >= 0
        labels = parents[self.labels[related]]
        return RelationBatch(self.embeddings[related], labels, self.pair_ids[related], families=labels)
