"""InfoNCE, for batches that fit into memory at once and for those that do not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.losses.gradcache import CachedLossMixin
from torch import Tensor
from torch.nn import functional
from typing_extensions import Unpack

from st_relbert.losses.base import AnchorLoss, RelationLoss, SharedSettings, one_column
from st_relbert.losses.batch import RelationBatch, prompt_ends, prompt_tokens, take_rows
from st_relbert.pairs import check_number, check_positive
from st_relbert.settings import TrainingSettings

# Added to the denominator by the relbert library.
_LOG_EPSILON = math.log(1e-5)


class InfoNCELoss(AnchorLoss):
    """Pulls pairs of the same relation together and pushes pairs of other relations away.

    For the pairs P of a relation and all other pairs N of the batch, with s the cosine and t the temperature:

        sum over i, j in P of  -log( e^(s_ij/t) / (e^(s_ij/t) + sum over n in N of e^(s_in/t) + 1e-5) )

    The term i = j is included: it pushes negatives away from i. Every relation with at least two pairs in the batch
    contributes (and so does the only relation of a batch, whatever its size). A batch therefore replaces many steps of
    the relbert library, in which a step has one relation. A pair that has two relations in the batch is a negative of
    neither.

    Args:
        model: The model to train.
        temperature: t. Smaller values put more weight on the hardest negatives.
        info_loob: Leave e^(s_ij/t) out of the denominator (the InfoLOOB variant).
        **shared: `reduction`, `anchors`, `parents`, `parent_weight`, `siblings_as_negatives`, `classification_head`,
            `gather_across_devices`; see `AnchorLoss`.

    Raises:
        ValueError: If an argument is out of range.

    Examples:
        >>> loss = InfoNCELoss(model)  # a RelBERT
        >>> pairs = [("Tokyo", "Japan"), ("Paris", "France"), ("puppy", "dog")]
        >>> embeddings = model.encode(pairs, convert_to_tensor=True)
        >>> bool(loss.compute_loss_from_embeddings(embeddings, torch.tensor([0, 0, 1])) > 0)
        True

    Requirements:
        1. A dataset with a column of pairs and a column `label`; see `st_relbert.data.load_relations`.
        2. Batches with at least two pairs of a relation and one negative, as from `RelationBatchSampler`.

    Inputs:

        | pairs                  | label                                                                     |
        |------------------------|---------------------------------------------------------------------------|
        | `["Tokyo", "Japan"]`   | index of the relation; below 0 for a pair that is only a negative         |

    Relations:
        - `CachedInfoNCELoss` gives the same value for batches that do not fit into memory at once.
        - sentence-transformers' `MultipleNegativesRankingLoss` uses one positive for each anchor.

    References:
        - Ushio et al. (2025), "RelBERT: Embedding Relations with Language Models", section 3.3:
          https://arxiv.org/abs/2310.00299
    """

    def __init__(
        self,
        model: SentenceTransformer,
        temperature: float = 0.05,
        *,
        info_loob: bool = False,
        **shared: Unpack[SharedSettings],
    ) -> None:
        super().__init__(model, **shared)
        check_number("temperature", temperature, may_be_0=False)
        self.temperature = temperature
        self.info_loob = info_loob

    @classmethod
    def from_settings(
        cls, model: SentenceTransformer, settings: TrainingSettings, parents: Sequence[int] | None
    ) -> RelationLoss:
        """Build the loss of a training run: the cached one, if the settings have a `mini_batch_size`."""
        if cls is InfoNCELoss and settings.mini_batch_size is not None:
            return CachedInfoNCELoss.from_settings(model, settings, parents)
        return super().from_settings(model, settings, parents)

    @classmethod
    def arguments(cls, settings: TrainingSettings) -> dict[str, Any]:
        """Return the arguments that come from the settings of a training run."""
        info_loob = settings.loss == "info_loob"
        return {"temperature": settings.temperature, "info_loob": info_loob, **super().arguments(settings)}

    @classmethod
    def check_settings(cls, settings: TrainingSettings) -> None:
        """Allow all settings, including `mini_batch_size`."""

    def sum_of_terms(self, batch: RelationBatch, rows: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the sum of the terms of some anchors; see `InfoNCELoss`."""
        unit = functional.normalize(batch.embeddings, dim=1)
        scores = unit[rows] @ unit.T / self.temperature  # (A, B)
        floor = scores.new_full((len(rows), 1), _LOG_EPSILON)
        others = scores.masked_fill(~negatives, -math.inf)
        denominator = torch.logsumexp(torch.cat([others, floor], dim=1), dim=1, keepdim=True)  # (A, 1)
        # -log(e^s / (e^s + e^d)) = softplus(d - s); without e^s in the denominator, it is d - s.
        terms = denominator - scores if self.info_loob else functional.softplus(denominator - scores)
        return terms[positives].sum()

    def number_of_terms(self, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the number of terms: each anchor has one with every pair of its relation."""
        return positives.sum()

    def get_config_dict(self) -> dict[str, Any]:
        """Return the settings, for the model card."""
        return {"temperature": self.temperature, "info_loob": self.info_loob, **super().get_config_dict()}


class CachedInfoNCELoss(CachedLossMixin, InfoNCELoss):
    """`InfoNCELoss` for large batches: it needs the memory of a mini-batch, not of the whole batch.

    It gives the same loss and gradients by sentence-transformers' gradient caching: the batch is embedded one
    mini-batch at a time without gradients, the loss is differentiated up to the embeddings, and the mini-batches are
    embedded again to propagate the gradients into the encoder. So a batch can contain thousands of pairs, but each is
    embedded twice.

    Args:
        model: The model to train.
        temperature: See `InfoNCELoss`.
        info_loob: See `InfoNCELoss`.
        mini_batch_size: The number of pairs to embed, and of anchors to compare, at a time. Memory grows with it, and
            speed too, up to a point.
        **shared: See `InfoNCELoss`.

    Raises:
        ValueError: If an argument is out of range.

    Examples:
        >>> CachedInfoNCELoss(model, mini_batch_size=32).get_config_dict()["mini_batch_size"]
        32

    References:
        - Gao et al. (2021), "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup":
          https://arxiv.org/abs/2101.06983
    """

    def __init__(
        self,
        model: SentenceTransformer,
        temperature: float = 0.05,
        *,
        info_loob: bool = False,
        mini_batch_size: int = 64,
        **shared: Unpack[SharedSettings],
    ) -> None:
        super().__init__(model, temperature, info_loob=info_loob, **shared)
        check_positive(mini_batch_size=mini_batch_size)
        self.mini_batch_size = mini_batch_size

    @classmethod
    def arguments(cls, settings: TrainingSettings) -> dict[str, Any]:
        """Return the arguments that come from the settings of a training run."""
        return {"mini_batch_size": settings.mini_batch_size, **super().arguments(settings)}

    def forward(self, sentence_features: Iterable[dict[str, Any]], labels: Tensor) -> Tensor:
        """Embed a batch and compute its loss; see `InfoNCELoss.forward`."""
        features = one_column(sentence_features, labels)
        order = prompt_ends(features).argsort(stable=True)  # prompts of a mini-batch are then of similar lengths
        columns = [labels[:, None], order.argsort()[:, None], prompt_tokens(features)]
        return self.forward_cached([take_rows(features, order)], torch.cat(columns, dim=1))

    def calculate_loss(self, reps: list[list[Tensor]], labels: Any = None, *, with_backward: bool = False) -> Tensor:
        """Compute the loss from the embeddings of all mini-batches, for one mini-batch of anchors at a time.

        `reps` contains a single list, for the only column, of the mini-batches' embeddings `(mini_batch_size, d)`.
        `labels` is `(B, 2 + T)`: the label of each pair, the row of its embedding, and the tokens of its prompt. With
        `with_backward`, also differentiate up to the embeddings; the returned value then has no graph.
        """
        gathered, labels, pair_ids = self.gathered(torch.cat(reps[0])[labels[:, 1]], labels[:, 0], labels[:, 2:])
        # The parts are differentiated one by one, but the graph below them only once.
        full = torch.promote_types(gathered.dtype, torch.float32)
        embeddings = gathered.detach().to(full).requires_grad_(with_backward)
        total = embeddings.sum() * 0.0
        if with_backward:  # so that every embedding has a gradient, even if there are no anchors
            total.backward()
            total = total.detach()
        for part in self.parts(embeddings, labels, pair_ids, self.mini_batch_size):
            if with_backward:
                part.backward(retain_graph=True)  # the parts share the selection of rows
            total = total + part.detach()
        if embeddings.grad is not None:
            gathered.backward(embeddings.grad.to(gathered.dtype))
        return total

    def get_config_dict(self) -> dict[str, Any]:
        """Return the settings, for the model card."""
        return {**super().get_config_dict(), "mini_batch_size": self.mini_batch_size}
