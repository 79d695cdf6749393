"""Distillation: a small model learns the similarities of pairs from a large one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.util.distributed import get_world_size
from torch import Tensor
from torch.nn import functional

from st_relbert.losses.base import RelationLoss
from st_relbert.losses.batch import embed_by_length, gather_rows
from st_relbert.pairs import check_number, counted
from st_relbert.settings import TrainingSettings

_CITATION = """
@inproceedings{passalis-tefas-2018-learning,
    title = "Learning Deep Representations with Probabilistic Knowledge Transfer",
    author = "Passalis, Nikolaos and Tefas, Anastasios",
    booktitle = "European Conference on Computer Vision",
    year = "2018",
    url = "https://arxiv.org/abs/1803.10837",
}
"""


class SimilarityDistillationLoss(RelationLoss):
    """Trains a model to find pairs as similar as its teacher does. It needs pairs, but not their relations.

    Each pair of a batch is compared with all others: a softmax over the cosines, divided by the temperature, gives its
    shares of attention among them. The loss is the divergence of the model's shares q from the teacher's p,

        mean over i of KL(p_i || q_i)

    so it is zero if both agree. The vectors of the two may have different dimensions.

    Args:
        model: The model to train.
        temperature: The divisor of the cosines of both models. The smaller it is, the more the nearest pairs dominate.
        gather_across_devices: With several processes, compare the pairs of all.

    Raises:
        ValueError: If the temperature is not a finite number above 0.

    Examples:
        >>> loss = SimilarityDistillationLoss(model)  # a RelBERT
        >>> pairs = [("Tokyo", "Japan"), ("Paris", "France"), ("puppy", "dog")]
        >>> embeddings = model.encode(pairs, convert_to_tensor=True)
        >>> float(loss.compute_loss_from_embeddings(embeddings, embeddings))  # its own teacher
        0.0

    Inputs:
        A column of pairs, and the teacher's vectors of them, `(B, d)`, in `label`;
        `st_relbert.training.distillation_dataset` makes such a dataset.

    Relations:
        - sentence-transformers' `EmbedDistillLoss` compares vectors rather than similarities, and needs a projection
          if the dimensions differ; its `DistillKLDivLoss` compares a query only with its own passages.

    References:
        - Passalis and Tefas (2018), "Learning Deep Representations with Probabilistic Knowledge Transfer", section 3.2:
          https://arxiv.org/abs/1803.10837. Their shares are of shifted cosines, without a softmax.
    """

    reads_labelled_pairs = False
    citation = _CITATION

    def __init__(
        self, model: SentenceTransformer, *, temperature: float = 0.05, gather_across_devices: bool = True
    ) -> None:
        super().__init__(model, gather_across_devices=gather_across_devices)
        check_number("temperature", temperature, may_be_0=False)
        self.temperature = temperature

    @classmethod
    def from_settings(
        cls, model: SentenceTransformer, settings: TrainingSettings, parents: Any
    ) -> SimilarityDistillationLoss:
        """Build the loss of a training run; see `RelationLoss.from_settings`."""
        return cls(model, temperature=settings.temperature)

    @classmethod
    def check_settings(cls, settings: TrainingSettings) -> None:
        """Raise `ValueError` for settings of a training run that the loss does not support."""
        super().check_settings(settings)
        for name, unused in (("parent_weight", 0), ("siblings_as_negatives", True), ("classification_head", False)):
            if getattr(settings, name) != unused:
                raise ValueError(
                    f"{name} has no effect with the loss 'distillation', which ignores relations. Omit it."
                )
        if settings.choose_by == "loss":
            raise ValueError(
                "choose_by is 'loss', which needs labelled pairs. Set it to 'accuracy' for the loss 'distillation'."
            )

    def forward(self, sentence_features: Iterable[dict[str, Any]], labels: Tensor) -> Tensor:
        """Embed a batch and compute its loss.

        Args:
            sentence_features: One element: the preprocessed column of pairs.
            labels: `(B, d)`: the teacher's vectors.

        Raises:
            ValueError: If there is more than one column of inputs, or the labels are not vectors.
        """
        columns = list(sentence_features)
        if len(columns) != 1 or labels is None or labels.ndim != 2:
            found = "no label" if labels is None else f"labels of shape {tuple(labels.shape)}"
            raise ValueError(
                f"Got {counted(len(columns), 'input column')} and {found}, expected one column of pairs, and the "
                "teacher's vectors in 'label'. st_relbert.training.distillation_dataset makes such a dataset."
            )
        embeddings = embed_by_length(self.model, columns[0])
        if self.gather_across_devices and get_world_size() > 1:
            embeddings, labels = gather_rows(embeddings, with_grad=True), gather_rows(labels)
        return self.compute_loss_from_embeddings(embeddings, labels)

    def compute_loss_from_embeddings(
        self, embeddings: Tensor, labels: Tensor, pair_ids: Tensor | None = None
    ) -> Tensor:
        """Compute the loss of embedded pairs.

        Args:
            embeddings: `(B, d)`, the model's.
            labels: `(B, e)`, the teacher's.
            pair_ids: Not used; all pairs are treated as different.

        Returns:
            A scalar; zero for a single pair.
        """
        own, target = (self._log_shares(vectors) for vectors in (embeddings, labels))
        return functional.kl_div(own, target, log_target=True, reduction="sum") / max(len(own), 1)

    def _log_shares(self, vectors: Tensor) -> Tensor:
        """Return the logarithms of each pair's shares of the others, `(B, B - 1)`."""
        unit = functional.normalize(vectors.float(), dim=-1)
        cosines = unit @ unit.T
        others = ~torch.eye(len(unit), dtype=torch.bool, device=unit.device)
        return (cosines[others].view(len(unit), max(len(unit) - 1, 0)) / self.temperature).log_softmax(dim=-1)

    def get_config_dict(self) -> dict[str, Any]:
        """Return the settings, for the model card."""
        return {"temperature": self.temperature}
