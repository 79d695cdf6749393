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
        | pairs | index of the relation; below zero for a pair that is       |
        |       | nothing but a negative                                     |
        +-------+------------------------------------------------------------+

    Relations:
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
        columns = list(sentence_features)
        if len(columns) != 1:
            raise ValueError(f"Got {len(columns)} input columns, expected one column of pairs beside the label.")
        embeddings = self.model(columns[0])["sentence_embedding"]  # (B, d)
        # Prompts of the same tokens are the same pair, under whichever relations it is in the batch.
        _, pair_ids = torch.unique(columns[0]["input_ids"], dim=0, return_inverse=True)  # (B,)
        return self.compute_loss_from_embeddings(embeddings, labels, pair_ids)

    def compute_loss_from_embeddings(
        self, embeddings: Tensor, labels: Tensor, pair_ids: Tensor | None = None
    ) -> Tensor:
        """Compute the loss of embedded pairs.

        Args:
            embeddings: ``(B, d)``.
            labels: ``(B,)`` integers: the relation of each pair; below zero for a pair that is a negative only.
            pair_ids: ``(B,)`` integers, equal for equal pairs. None: all pairs are different.

        Returns:
            A scalar; zero if no relation has an anchor.
        """
        embeddings = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
        unit = functional.normalize(embeddings, dim=1)
        scores = unit @ unit.T / self.temperature  # (B, B)
        positive, negative = self._masks(labels, pair_ids)

        floor = scores.new_full((len(scores), 1), _LOG_EPSILON)
        others = scores.masked_fill(~negative, -math.inf)
        denominator = torch.logsumexp(torch.cat([others, floor], dim=1), dim=1, keepdim=True)  # (B, 1)
        # -log(e^s / (e^s + e^d)) = softplus(d - s), and without e^s in the denominator it is d - s.
        terms = denominator - scores if self.info_loob else functional.softplus(denominator - scores)
        terms = terms[positive]
        if len(terms) == 0:
            return embeddings.sum() * 0.0
        return terms.sum() if self.reduction == "sum" else terms.mean()

    def _masks(self, labels: Tensor, pair_ids: Tensor | None) -> tuple[Tensor, Tensor]:
        """Which pairs of rows are pulled together and which pushed apart: bool, both ``(B, B)``."""
        related = labels >= 0
        if self.anchors == "first":
            related = related & (labels == labels[0])
        positive = (labels[:, None] == labels[None, :]) & related[:, None] & related[None, :]
        negative = ~positive
        if pair_ids is not None:
            # Row n is a known positive of anchor i if any row of i's relation is the same pair as n.
            same = pair_ids[:, None] == pair_ids[None, :]
            negative = negative & ~((positive.float() @ same.float()) > 0)
        several = positive.sum(dim=1) >= 2
        if len(labels[related].unique()) == 1:
            several = related
        return positive & several[:, None], negative

    def get_config_dict(self) -> dict[str, Any]:
        """The settings, for the model card."""
        names = ("temperature", "reduction", "info_loob", "anchors")
        return {name: getattr(self, name) for name in names}

    @property
    def citation(self) -> str:
        """The paper the loss is from, for the model card."""
        return CITATION
