"""InfoNCE over batches that do not fit into memory at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.losses.gradcache import CachedLossMixin
from torch import Tensor
from typing_extensions import Unpack

from st_relbert.losses.anchor_loss import SharedSettings
from st_relbert.losses.info_nce import InfoNCELoss
from st_relbert.losses.relation_loss import one_column, prompt_tokens


class CachedInfoNCELoss(CachedLossMixin, InfoNCELoss):
    """:class:`InfoNCELoss` whose memory is bounded by a mini-batch, not by the batch.

    The same loss and gradients, by sentence-transformers' gradient caching: the batch is embedded a mini-batch at a
    time without gradients, the loss is differentiated up to the embeddings, and the mini-batches are embedded again to
    carry the gradients into the encoder. So one batch can hold thousands of pairs, each of which is embedded twice.

    Args:
        model: The model to train.
        temperature: See :class:`InfoNCELoss`, as for all but ``mini_batch_size``.
        reduction: ``"mean"`` or ``"sum"``.
        info_loob: The InfoLOOB variant.
        anchors: ``"all"`` relations, or the ``"first"``.
        mini_batch_size: Pairs embedded at a time, and anchors compared at a time. Memory grows with it, speed up to a
            point too.
        **shared: See :class:`InfoNCELoss`.

    Raises:
        ValueError: If an argument is out of range.

    References:
        - Gao et al. (2021), "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup":
          https://arxiv.org/abs/2101.06983
    """

    def __init__(
        self,
        model: SentenceTransformer,
        temperature: float = 0.05,
        reduction: Literal["mean", "sum"] = "mean",
        info_loob: bool = False,
        anchors: Literal["all", "first"] = "all",
        mini_batch_size: int = 64,
        **shared: Unpack[SharedSettings],
    ) -> None:
        super().__init__(model, temperature, reduction, info_loob, anchors, **shared)
        if mini_batch_size < 1:
            raise ValueError(f"The mini_batch_size is {mini_batch_size}, expected at least 1.")
        self.mini_batch_size = mini_batch_size

    def forward(self, sentence_features: Iterable[dict[str, Any]], labels: Tensor) -> Tensor:
        """Embed a batch and compute its loss; see :meth:`InfoNCELoss.forward`."""
        features = one_column(sentence_features)
        return self.forward_cached([features], torch.cat([labels[:, None], prompt_tokens(features)], dim=1))

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """Compute the loss from the embeddings of all mini-batches, a mini-batch of anchors at a time.

        Args:
            reps: One list, for the one column, of the mini-batches' embeddings ``(mini_batch_size, d)``.
            labels: ``(B, 1 + T)``: the label of each pair, and the tokens of its prompt.
            with_backward: Differentiate too, up to the embeddings, and return the value alone.
        """
        if labels is None:
            raise ValueError("The loss needs the label of each pair, got none.")
        gathered, labels, pair_ids = self.gathered(torch.cat(reps[0]), labels[:, 0], labels[:, 1:])
        # The parts are differentiated one by one, and what is below them but once.
        full = torch.promote_types(gathered.dtype, torch.float32)
        embeddings = gathered.detach().to(full).requires_grad_(with_backward)
        total = embeddings.sum() * 0.0
        if with_backward:  # every embedding gets a gradient, also where none is an anchor
            total.backward()
            total = total.detach()
        for part in self.parts(embeddings, labels, pair_ids, self.mini_batch_size):
            if with_backward:
                part.backward(retain_graph=True)  # parts share the choice of rows below them
            total = total + part.detach()
        if embeddings.grad is not None:
            gathered.backward(embeddings.grad.to(gathered.dtype))
        return total

    def get_config_dict(self) -> dict[str, Any]:
        """The settings, for the model card."""
        return {**super().get_config_dict(), "mini_batch_size": self.mini_batch_size}
