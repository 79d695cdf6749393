"""What the losses over labelled pairs have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.util.distributed import get_world_size
from torch import Tensor, nn

from st_relbert.losses.classification_head import ClassificationHead
from st_relbert.losses.gather import gather_rows

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


class RelationLoss(nn.Module):
    """A loss over batches of labelled pairs: sees to embedding them and to several processes.

    Args:
        model: The model to train.
        parents: The parent of each relation, by index (:attr:`st_relbert.training.RelationSet.parents`). Parents are
            further relations then: pairs of their relations are pulled together and away from the other parents'
            pairs. The embeddings are those of the relations; nothing is embedded twice.
        classification_head: A head that is trained along, and whose loss is added.
        gather_across_devices: With several processes, compare the pairs of all. The default differs from that of
            sentence-transformers' losses because :class:`st_relbert.training.RelationBatchSampler` deals one batch
            out among the processes. Every process then computes the whole loss.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        parents: Sequence[int] | None = None,
        classification_head: ClassificationHead | None = None,
        gather_across_devices: bool = True,
    ) -> None:
        super().__init__()
        self.model = model
        self.parents = None if parents is None else list(parents)
        self.classification_head = classification_head
        self.gather_across_devices = gather_across_devices

    @abstractmethod
    def parts(self, embeddings: Tensor, labels: Tensor, pair_ids: Tensor, anchors_at_a_time: int) -> Iterator[Tensor]:
        """Compute the loss in parts, scalars, of so many anchors each; the loss is their sum."""

    def forward(self, sentence_features: Iterable[dict[str, Any]], labels: Tensor) -> Tensor:
        """Embed a batch and compute its loss.

        Args:
            sentence_features: One element: the preprocessed column of pairs.
            labels: ``(B,)``; see :meth:`compute_loss_from_embeddings`.

        Raises:
            ValueError: If there is more than one column of inputs.
        """
        features = one_column(sentence_features)
        tokens = prompt_tokens(features)
        embeddings = self.model(features)["sentence_embedding"]  # (B, d)
        return self.compute_loss_from_embeddings(*self.gathered(embeddings, labels, tokens))

    def gathered(self, embeddings: Tensor, labels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The embeddings, labels and pair ids of all processes, or of this one."""
        if self.gather_across_devices and get_world_size() > 1:
            embeddings = gather_rows(embeddings, with_grad=True)
            labels, tokens = gather_rows(labels), gather_rows(tokens)
        # Prompts of the same tokens are the same pair.
        return embeddings, labels, torch.unique(tokens, dim=0, return_inverse=True)[1]

    def compute_loss_from_embeddings(
        self, embeddings: Tensor, labels: Tensor, pair_ids: Tensor | None = None
    ) -> Tensor:
        """Compute the loss of embedded pairs.

        Args:
            embeddings: ``(B, d)``.
            labels: ``(B,)`` integers: the relation of each pair; below 0 for a pair that is a negative only
                (-1 - r for one that belongs to the relation r).
            pair_ids: ``(B,)`` integers from 0, equal for equal pairs. None: all pairs are different.

        Returns:
            A scalar; zero if no relation has an anchor.
        """
        if pair_ids is None:
            pair_ids = torch.arange(len(labels), device=labels.device)
        embeddings = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
        return sum(self.parts(embeddings, labels, pair_ids, len(labels)), embeddings.sum() * 0.0)

    def get_config_dict(self) -> dict[str, Any]:
        """The settings, for the model card."""
        return {"hierarchy": self.parents is not None, "classification_head": self.classification_head is not None}

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


def prompt_tokens(features: dict[str, Any]) -> Tensor:
    """The tokens of each prompt, ``(B, T)``; from 1, and 0 where there is none: so widths can be compared."""
    tokens: Tensor = (features["input_ids"] + 1) * features["attention_mask"]
    return tokens
