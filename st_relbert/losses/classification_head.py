"""The three-way classification head of Sentence-BERT, as an addition to a relation loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ClassificationHead(nn.Module):
    """Tells pairs of the same relation from others, by ``linear([a; b; |a - b|])``.

    Its weights are trained along with the model and thrown away afterwards.

    Args:
        dimension: d, the size of the embeddings.

    References:
        - Reimers and Gurevych (2019), "Sentence-BERT", section 3: https://arxiv.org/abs/1908.10084
        - Ushio et al. (2021), "Distilling Relation Embeddings from Pre-trained Language Models", section 3.2.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * dimension, 1)
        nn.init.normal_(self.linear.weight, std=0.02)

    def forward(self, anchors: Tensor, others: Tensor) -> Tensor:
        """Score pairs as being of the same relation.

        Args:
            anchors: ``(..., d)``, to be broadcast against the others.
            others: ``(..., d)``.

        Returns:
            Logits, ``(...)``.
        """
        anchors, others = torch.broadcast_tensors(anchors.to(self.linear.weight.dtype), others)
        features = torch.cat([anchors, others, (anchors - others).abs()], dim=-1)
        logits: Tensor = self.linear(features).squeeze(-1)
        return logits
