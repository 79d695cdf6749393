"""A classifier that is trained along with the embeddings: do two pairs stand in the same relation?"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class ClassificationHead(nn.Module):
    """Tells pairs of the same relation from others, by `linear([a; b; |a - b|])`.

    Its weights are trained along with the model and thrown away afterwards.

    Args:
        dimension: d, the size of the embeddings.

    Examples:
        >>> head = ClassificationHead(16)
        >>> head(torch.zeros(1, 16), torch.ones(5, 16)).shape  # one anchor, five others
        torch.Size([5])

    References:
        - Reimers and Gurevych (2019), "Sentence-BERT", section 3: https://arxiv.org/abs/1908.10084
        - Ushio et al. (2021), "Distilling Relation Embeddings from Pre-trained Language Models", section 3.2.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * dimension, 1)
        nn.init.normal_(self.linear.weight, std=0.02)

    def forward(self, anchors: Tensor, others: Tensor) -> Tensor:
        """Score how likely pairs stand in the same relation.

        Args:
            anchors: `(..., d)`, to be broadcast against the others.
            others: `(..., d)`.

        Returns:
            Logits, `(...)`.
        """
        anchors, others = torch.broadcast_tensors(anchors.to(self.linear.weight.dtype), others)
        features = torch.cat([anchors, others, (anchors - others).abs()], dim=-1)
        logits: Tensor = self.linear(features).squeeze(-1)
        return logits

    def loss(self, embeddings: Tensor, rows: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Compute how badly the pairs of a batch are told apart.

        Args:
            embeddings: `(B, d)`.
            rows: `(A,)`, the anchors.
            positives: `(A, B)` booleans: which pairs are in the relation of each anchor.
            negatives: `(A, B)` booleans: which are not.

        Returns:
            The sum over the anchors of the mean binary cross-entropy over their positives and negatives, a scalar.
        """
        logits = self(embeddings[rows][:, None, :], embeddings)
        losses = functional.binary_cross_entropy_with_logits(logits, positives.to(logits.dtype), reduction="none")
        compared = positives | negatives
        return (losses.where(compared, losses.new_zeros(())).sum(dim=1) / compared.sum(dim=1)).sum()
