"""Batches of pairs: embedding and gathering them, their positives and negatives, and a classification head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import all_gather, all_gather_with_grad
from torch import Tensor, nn
from torch.nn import functional


def gather_rows(tensor: Tensor, with_grad: bool = False) -> Tensor:
    """Concatenate the rows of all processes, `(B, n)` or `(B,)`; every process gets the same result.

    The processes may have different shapes `(b, n)` or `(b,)`; missing columns are filled with zeros. With `with_grad`,
    gradients flow back to the processes that the rows come from.
    """
    columns = tensor if tensor.ndim == 2 else tensor[:, None]
    shapes = all_gather(torch.tensor([columns.shape], device=tensor.device))  # (processes, 2)
    rows, width = shapes.max(dim=0).values.tolist()
    padded = functional.pad(columns, (0, width - columns.shape[1], 0, rows - columns.shape[0]))
    gathered = all_gather_with_grad(padded) if with_grad else all_gather(padded)
    kept = torch.arange(rows, device=tensor.device)[None, :] < shapes[:, :1]  # (processes, rows)
    gathered = gathered[kept.flatten()]
    return gathered if tensor.ndim == 2 else gathered[:, 0]


# The number of pairs that a CPU embeds at a time: enough to keep its cores busy, and few enough for similar lengths.
_GROUP = 96


def embed_by_length(model: SentenceTransformer, features: dict[str, Any]) -> Tensor:
    """Embed a preprocessed batch, `(B, d)`.

    A CPU embeds short and long prompts separately, because in a single tensor two fifths of a training batch's tokens
    are padding. A GPU embeds the batch at once, because padding costs it less than several passes.
    """
    ends = prompt_ends(features)
    if ends.device.type != "cpu" or len(ends) <= _GROUP:
        embeddings: Tensor = model(features)["sentence_embedding"]
        return embeddings
    order = ends.argsort(stable=True)
    groups = [model(take_rows(features, rows, int(ends[rows].max()))) for rows in order.split(_GROUP)]
    return torch.cat([group["sentence_embedding"] for group in groups])[order.argsort()]


def prompt_ends(features: dict[str, Any]) -> Tensor:
    """Return the width, `(B,)`, that each prompt of a batch needs: its length, and any padding on its left."""
    mask: Tensor = features["attention_mask"]
    return (mask * torch.arange(1, mask.shape[1] + 1, device=mask.device)).max(dim=1).values


def take_rows(features: dict[str, Any], rows: Tensor, width: int | None = None) -> dict[str, Any]:
    """Return some rows of a batch's tensors, `(B, T)`, up to a width."""
    return {name: value[rows, :width] if isinstance(value, Tensor) else value for name, value in features.items()}


@dataclass(frozen=True)
class RelationBatch:
    """The embedded pairs of a batch, `(B, d)`.

    The labels, `(B,)` integers, are the relation of each pair, or below 0 for a pair that is only a negative. The
    `pair_ids`, `(B,)` integers from 0, are equal for equal pairs. Pairs of the same family, `(B,)` integers, are never
    negatives of each other. Families are usually the labels, or the parents if siblings are not negatives.
    """

    embeddings: Tensor
    labels: Tensor
    pair_ids: Tensor
    families: Tensor

    def anchors(self, first_only: bool = False) -> Tensor:
        """Return the rows `(A,)` of the anchors: pairs of relations with at least two pairs, or of the only relation.

        With `first_only`, only the pairs of the first pair's relation are anchors.
        """
        related = self.labels >= 0
        if first_only:
            related = related & (self.labels == self.labels[:1])
        _, index, counts = self.labels.unique(return_inverse=True, return_counts=True)
        if len(self.labels[related].unique()) > 1:
            related = related & (counts[index] >= 2)
        return related.nonzero().squeeze(1)

    def positives(self, rows: Tensor) -> Tensor:
        """Return which pairs `(B,)` have the relation of each anchor `(A,)`, including itself: `(A, B)` booleans."""
        return self.labels[rows][:, None] == self.labels[None, :]

    def negatives(self, rows: Tensor) -> Tensor:
        """Return which pairs `(B,)` are pushed away from each anchor `(A,)`: `(A, B)` booleans.

        A pair is not pushed away if any row of the batch has it in the anchor's family.
        """
        if not len(rows):  # perhaps there are no pairs either
            return rows.new_zeros((0, len(self.labels)), dtype=torch.bool)
        families, index = self.families.unique(return_inverse=True)
        holds = torch.zeros(len(families), int(self.pair_ids.max()) + 1, dtype=torch.bool, device=self.labels.device)
        holds[index, self.pair_ids] = True
        return ~holds[index[rows]][:, self.pair_ids]

    def of_parents(self, parents: Tensor) -> RelationBatch:
        """Return the pairs labelled with their relations' parents, `(R,)`, without those that are only negatives."""
        related = self.labels >= 0
        labels = parents[self.labels[related]]
        return RelationBatch(self.embeddings[related], labels, self.pair_ids[related], families=labels)


def prompt_tokens(features: dict[str, Any]) -> Tensor:
    """Return each prompt's token ids plus 1, and 0 for padding, `(B, T)`, to compare prompts of different widths."""
    tokens: Tensor = (features["input_ids"] + 1) * features["attention_mask"]
    return tokens


class ClassificationHead(nn.Module):
    """Classifies whether two pairs have the same relation, by `linear([a; b; |a - b|])`.

    Its weights are trained with the model and discarded afterwards.

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
        """Score how likely pairs are to have the same relation.

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
        """Compute the loss of the head over a batch.

        Args:
            embeddings: `(B, d)`.
            rows: `(A,)`, the anchors.
            positives: `(A, B)` booleans: which pairs have the relation of each anchor.
            negatives: `(A, B)` booleans: which do not.

        Returns:
            The sum over the anchors of the mean binary cross-entropy over their positives and negatives, a scalar.
        """
        logits = self(embeddings[rows][:, None, :], embeddings)
        losses = functional.binary_cross_entropy_with_logits(logits, positives.to(logits.dtype), reduction="none")
        compared = positives | negatives
        return (losses.where(compared, losses.new_zeros(())).sum(dim=1) / compared.sum(dim=1)).sum()
