"""Losses that are a sum over anchors, each with its positives and negatives."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import all_gather, all_gather_with_grad
from sentence_transformers.util.distributed import get_world_size
from torch import Tensor, nn
from torch.nn import functional


def gather_rows(tensor: Tensor, with_grad: bool = False) -> Tensor:
    """Concatenate the rows of all processes, whose numbers may differ.

    Args:
        tensor: ``(b, n)`` or ``(b,)``; b and n may be different in every process. Columns that are missing in some
            are filled with zeros.
        with_grad: Let gradients flow back to the processes that the rows are from.

    Returns:
        ``(B, n)`` or ``(B,)``, the same in every process.
    """
    columns = tensor if tensor.ndim == 2 else tensor[:, None]
    shapes = all_gather(torch.tensor([columns.shape], device=tensor.device))  # (processes, 2)
    rows, width = shapes.max(dim=0).values.tolist()
    padded = functional.pad(columns, (0, width - columns.shape[1], 0, rows - columns.shape[0]))
    gathered = all_gather_with_grad(padded) if with_grad else all_gather(padded)
    kept = torch.arange(rows, device=tensor.device)[None, :] < shapes[:, :1]  # (processes, rows)
    gathered = gathered[kept.flatten()]
    return gathered if tensor.ndim == 2 else gathered[:, 0]


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
        parents: The parent of each relation, by index (:attr:`st_relbert.data.RelationSet.parents`). Parents are
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


class SharedSettings(TypedDict, total=False):
    """The settings of :class:`AnchorLoss` that its subclasses hand on."""

    parents: Sequence[int] | None
    parent_weight: float
    siblings_as_negatives: bool
    classification_head: ClassificationHead | None
    gather_across_devices: bool


class AnchorLoss(RelationLoss):
    """A loss that is a sum over anchors; see :class:`InfoNCELoss` and :class:`RelationTripletLoss`.

    Args:
        model: The model to train.
        reduction: ``"mean"`` over the terms, which keeps the learning rate independent of the batch's make-up, or
            ``"sum"``, the reference's value.
        anchors: ``"all"``, or ``"first"``: only the relation of the batch's first pair is pulled together, all other
            pairs are negatives. This is the reference's step.
        parents: See :class:`~st_relbert.losses.base.RelationLoss`.
        parent_weight: The weight of the parents' terms.
        siblings_as_negatives: Whether pairs of relations with the same parent push each other away.
        classification_head: See :class:`~st_relbert.losses.base.RelationLoss`; its loss is, for each anchor,
            the mean binary cross-entropy over its positives and negatives.
        gather_across_devices: See :class:`~st_relbert.losses.base.RelationLoss`.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        reduction: Literal["mean", "sum"] = "mean",
        anchors: Literal["all", "first"] = "all",
        parents: Sequence[int] | None = None,
        parent_weight: float = 1.0,
        siblings_as_negatives: bool = True,
        classification_head: ClassificationHead | None = None,
        gather_across_devices: bool = True,
    ) -> None:
        super().__init__(model, parents, classification_head, gather_across_devices)
        if reduction not in ("mean", "sum"):
            raise ValueError(f"Unknown reduction {reduction!r}, expected 'mean' or 'sum'.")
        if anchors not in ("all", "first"):
            raise ValueError(f"Unknown anchors {anchors!r}, expected 'all' or 'first'.")
        if not parent_weight >= 0:
            raise ValueError(f"The parent_weight is {parent_weight!r}, expected a number from 0 up.")
        if parents is None and not siblings_as_negatives:
            raise ValueError("siblings_as_negatives=False needs the parents of the relations, got none.")
        self.reduction = reduction
        self.anchors = anchors
        self.parent_weight = parent_weight
        self.siblings_as_negatives = siblings_as_negatives

    @abstractmethod
    def sum_of_terms(self, batch: RelationBatch, rows: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Sum the terms of some anchors: rows ``(A,)``, their positives and negatives ``(A, B)``; a scalar."""

    @abstractmethod
    def number_of_terms(self, positives: Tensor, negatives: Tensor) -> Tensor:
        """Count these terms; a scalar."""

    def parts(self, embeddings: Tensor, labels: Tensor, pair_ids: Tensor, anchors_at_a_time: int) -> Iterator[Tensor]:
        """Compute the loss in parts, of so many anchors each; the loss is their sum."""
        for batch, weight in self._levels(embeddings, labels, pair_ids):
            rows = batch.anchors(first_only=self.anchors == "first")
            if len(rows) == 0:
                continue
            terms: Tensor | int = 1
            anchors = 1
            if self.reduction == "mean":
                terms = self.number_of_terms(batch.positives(rows), batch.negatives(rows)).clamp(min=1)
                anchors = len(rows)
            for some in rows.split(anchors_at_a_time):
                positives, negatives = batch.positives(some), batch.negatives(some)
                loss = self.sum_of_terms(batch, some, positives, negatives) / terms
                if self.classification_head is not None:
                    logits = self.classification_head(batch.embeddings[some][:, None, :], batch.embeddings)
                    loss = loss + _cross_entropy(logits, positives, negatives) / anchors
                yield weight * loss

    def _levels(self, embeddings: Tensor, labels: Tensor, pair_ids: Tensor) -> Iterator[tuple[RelationBatch, float]]:
        """The batch under its relations, and under their parents; each with its weight."""
        if self.parents is None:
            yield RelationBatch(embeddings, labels, pair_ids, families=labels), 1.0
            return
        parents = torch.tensor(self.parents, device=labels.device)
        families = labels if self.siblings_as_negatives else torch.where(labels < 0, labels, parents[labels])
        batch = RelationBatch(embeddings, labels, pair_ids, families)
        yield batch, 1.0
        if self.parent_weight > 0:
            yield batch.of_parents(parents), self.parent_weight

    def get_config_dict(self) -> dict[str, Any]:
        """The settings, for the model card."""
        config = {"reduction": self.reduction, "anchors": self.anchors, **super().get_config_dict()}
        if self.parents is not None:
            config |= {"parent_weight": self.parent_weight, "siblings_as_negatives": self.siblings_as_negatives}
        return config


def _cross_entropy(logits: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """The sum over the anchors of the mean over their positives and negatives; all ``(A, B)``."""
    losses = functional.binary_cross_entropy_with_logits(logits, positives.to(logits.dtype), reduction="none")
    compared = positives | negatives
    return (losses.where(compared, losses.new_zeros(())).sum(dim=1) / compared.sum(dim=1)).sum()
