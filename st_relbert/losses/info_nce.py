"""The InfoNCE loss of RelBERT, over batches that hold any number of relations."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional

CITATION = """
@article{ushio-etal-2025-relbert,
    title = "RelBERT: Embedding Relations with Language Models",
    author = "Ushio, Asahi and Camacho-Collados, Jose and Schockaert, Steven",
    journal = "Artificial Intelligence",
    volume = "347",
    year = "2025",
    url = "https://arxiv.org/abs/2310.00299",
}
"""

# Added to the denominator by the reference library.
_LOG_EPSILON = math.log(1e-5)


class InfoNCELoss(nn.Module):
    """Pulls pairs of the same relation together and pushes pairs of other relations away.

    For the pairs P of a relation and all other pairs N of the batch, with s the cosine and t the temperature::

        sum over i, j in P of  -log( e^(s_ij/t) / (e^(s_ij/t) + sum over n in N of e^(s_in/t) + 1e-5) )

    The term i = j is included: it pushes negatives away from i. Every relation with two or more pairs in the batch
    contributes (as does the only relation of a batch, whatever its size), so one batch makes as many steps of the
    reference, which takes one relation a step, as it holds relations. A pair that is in the batch under two relations
    is no negative for either.

    Args:
        model: The model to train.
        temperature: t. Smaller values put more weight on the hardest negatives.
        reduction: ``"mean"`` over the terms, which keeps the learning rate independent of the batch's make-up, or
            ``"sum"``, the reference's value.
        info_loob: Leave e^(s_ij/t) out of the denominator (the InfoLOOB variant).
        anchors: ``"all"``, or ``"first"``: only the relation of the batch's first pair is pulled together, all other
            pairs are negatives. This is the reference's step.

    Raises:
        ValueError: If an argument is out of range.

    Requirements:
        1. A dataset with a column of pairs and a column ``label``; :func:`st_relbert.training.load_relations`.
        2. Batches that hold at least two pairs of a relation and one negative;
           :class:`st_relbert.training.RelationBatchSampler`.

    Inputs:
        +-------+------------------------------------------------------------+
        | pair  | label                                                      |
        +=======+============================================================+
        | pairs | index of the relation; -1 for a pair that is nothing but   |
        |       | a negative                                                 |
        +-------+------------------------------------------------------------+

    Relations:
        - :class:`CachedInfoNCELoss` gives the same for batches that do not fit into memory at once.
        - :class:`sentence_transformers.losses.MultipleNegativesRankingLoss` takes one positive an anchor.

    References:
        - Ushio et al. (2025), "RelBERT: Embedding Relations with Language Models", section 3.3:
          https://arxiv.org/abs/2310.00299
    """

    def __init__(
        self,
        model: SentenceTransformer,
        temperature: float = 0.05,
        reduction: Literal["mean", "sum"] = "mean",
        info_loob: bool = False,
        anchors: Literal["all", "first"] = "all",
    ) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"The temperature is {temperature!r}, expected a number above 0.")
        if reduction not in ("mean", "sum"):
            raise ValueError(f"Unknown reduction {reduction!r}, expected 'mean' or 'sum'.")
        if anchors not in ("all", "first"):
            raise ValueError(f"Unknown anchors {anchors!r}, expected 'all' or 'first'.")
        self.model = model
        self.temperature = temperature
        self.reduction = reduction
        self.info_loob = info_loob
        self.anchors = anchors

    def forward(self, sentence_features: Iterable[dict[str, Any]], labels: Tensor) -> Tensor:
        """Embed a batch and compute its loss.

        Args:
            sentence_features: One element: the preprocessed column of pairs.
            labels: ``(B,)``; see :meth:`compute_loss_from_embeddings`.

        Raises:
            ValueError: If there is more than one column of inputs.
        """
        features = one_column(sentence_features)
        embeddings = self.model(features)["sentence_embedding"]  # (B, d)
        return self.compute_loss_from_embeddings(embeddings, labels, pair_ids_of(features))

    def compute_loss_from_embeddings(
        self, embeddings: Tensor, labels: Tensor, pair_ids: Tensor | None = None
    ) -> Tensor:
        """Compute the loss of embedded pairs.

        Args:
            embeddings: ``(B, d)``.
            labels: ``(B,)`` integers: the relation of each pair; -1 for a pair that is a negative only.
            pair_ids: ``(B,)`` integers from 0, equal for equal pairs. None: all pairs are different.

        Returns:
            A scalar; zero if no relation has an anchor.
        """
        if pair_ids is None:
            pair_ids = torch.arange(len(labels), device=labels.device)
        rows, terms = self.anchor_rows(labels)
        if len(rows) == 0:
            return embeddings.sum() * 0.0
        loss = self.loss_of_rows(embeddings, labels, pair_ids, rows)
        return loss if self.reduction == "sum" else loss / terms

    def anchor_rows(self, labels: Tensor) -> tuple[Tensor, int]:
        """Find the pairs that anchor terms of the loss.

        Args:
            labels: ``(B,)``.

        Returns:
            Their rows, ``(A,)``, and the number of terms: each anchor has one with every pair of its relation.
        """
        related = labels >= 0
        if self.anchors == "first":
            related = related & (labels == labels[0])
        _, index, counts = labels.unique(return_inverse=True, return_counts=True)
        sizes = counts[index]  # (B,), of each pair's relation
        if len(labels[related].unique()) > 1:
            related = related & (sizes >= 2)
        rows = related.nonzero().squeeze(1)
        return rows, int(sizes[rows].sum())

    def loss_of_rows(self, embeddings: Tensor, labels: Tensor, pair_ids: Tensor, rows: Tensor) -> Tensor:
        """Sum the terms of some anchors.

        Args:
            embeddings: ``(B, d)``.
            labels: ``(B,)``.
            pair_ids: ``(B,)``.
            rows: ``(A,)``, the anchors.

        Returns:
            A scalar.
        """
        unit = functional.normalize(embeddings.to(torch.promote_types(embeddings.dtype, torch.float32)), dim=1)
        scores = unit[rows] @ unit.T / self.temperature  # (A, B)
        positive = labels[rows][:, None] == labels[None, :]  # (A, B)

        # Which pairs each relation is known to hold for: none of them, in whatever row, is its negative.
        relations, index = labels.unique(return_inverse=True)
        holds = torch.zeros(len(relations), int(pair_ids.max()) + 1, dtype=torch.bool, device=labels.device)
        holds[index, pair_ids] = True
        known = holds[index[rows]][:, pair_ids]  # (A, B), positives included

        floor = scores.new_full((len(rows), 1), _LOG_EPSILON)
        others = scores.masked_fill(known, -math.inf)
        denominator = torch.logsumexp(torch.cat([others, floor], dim=1), dim=1, keepdim=True)  # (A, 1)
        # -log(e^s / (e^s + e^d)) = softplus(d - s), and without e^s in the denominator it is d - s.
        terms = denominator - scores if self.info_loob else functional.softplus(denominator - scores)
        return terms[positive].sum()

    def get_config_dict(self) -> dict[str, Any]:
        """The settings, for the model card."""
        names = ("temperature", "reduction", "info_loob", "anchors")
        return {name: getattr(self, name) for name in names}

    @property
    def citation(self) -> str:
        """The paper the loss is from, for the model card."""
        return CITATION


def one_column(sentence_features: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The features of the only input column.

    Raises:
        ValueError: If there are more.
    """
    columns = list(sentence_features)
    if len(columns) != 1:
        raise ValueError(f"Got {len(columns)} input columns, expected one column of pairs beside the label.")
    return columns[0]


def pair_ids_of(features: dict[str, Any]) -> Tensor:
    """Number the distinct pairs of a batch, ``(B,)``: prompts of the same tokens are the same pair."""
    pair_ids: Tensor = torch.unique(features["input_ids"], dim=0, return_inverse=True)[1]
    return pair_ids
