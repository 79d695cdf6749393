"""The base classes of the losses. Each embeds a batch of labelled pairs, and most are a sum over its anchors."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TypedDict

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.util.distributed import get_rank, get_world_size
from torch import Tensor, nn
from typing_extensions import Unpack

from st_relbert.losses.batch import ClassificationHead, RelationBatch, embed_by_length, gather_rows, prompt_tokens
from st_relbert.model_card import use_pair_card
from st_relbert.pairs import check_known, check_number
from st_relbert.settings import TrainingSettings

logger = logging.getLogger(__name__)


_CITATION = """
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
    """The base class of all losses in this package: a loss over batches of labelled pairs.

    It embeds a batch, and gathers the batches of several processes. A subclass defines the formula, in `parts`. To use
    it by name in `st-relbert train`, add it to `st_relbert.losses.LOSSES`.

    Args:
        model: The model to train.
        parents: The parent of each relation, by index (`RelationSet.parents`). Parents then count as further relations:
            the pairs of a parent's relations are pulled together, and pushed away from those of other parents. No pair
            is embedded twice for this.
        classification_head: A head to train with the model; its loss is added.
        gather_across_devices: With several processes, compare the pairs of all. The default differs from
            sentence-transformers' losses because `RelationBatchSampler` divides each batch among the processes. Every
            process then computes the whole loss.
    """

    reads_labelled_pairs = True
    """Whether the loss needs labelled pairs; the check of a training set looks at this."""
    citation = _CITATION
    """The paper with the loss, for the model card."""

    def __init__(
        self,
        model: SentenceTransformer,
        *,
        parents: Sequence[int] | None = None,
        classification_head: ClassificationHead | None = None,
        gather_across_devices: bool = True,
    ) -> None:
        super().__init__()
        use_pair_card(model)
        self.model = model
        self.parents = None if parents is None else list(parents)
        self.classification_head = classification_head
        self.gather_across_devices = gather_across_devices
        self._warned = False

    @classmethod
    def from_settings(
        cls, model: SentenceTransformer, settings: TrainingSettings, parents: Sequence[int] | None
    ) -> RelationLoss:
        """Build the loss of a training run.

        Args:
            model: The model to train.
            settings: The run's `TrainingSettings`.
            parents: The parent of each relation of the training data, by index; None without a hierarchy.
        """
        # In steps of one relation, the parents are relations of the dataset.
        hierarchy = settings.relations_per_batch > 1 and (settings.parent_weight or not settings.siblings_as_negatives)
        head = None
        if settings.classification_head:
            # The seed determines its initial weights, which are the same in every process.
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(settings.seed)
                head = ClassificationHead(model.get_embedding_dimension() or 0)
        arguments = cls.arguments(settings)
        return cls(model, parents=parents if hierarchy else None, classification_head=head, **arguments)

    @classmethod
    def arguments(cls, settings: TrainingSettings) -> dict[str, Any]:
        """Return the arguments of the class, except those of `RelationLoss`, from the settings of a training run."""
        return {}

    @classmethod
    def check_settings(cls, settings: TrainingSettings) -> None:
        """Raise `ValueError` for settings of a training run that the loss does not support."""
        if settings.mini_batch_size is not None:
            raise ValueError(
                f"mini_batch_size is {settings.mini_batch_size}, but the loss {settings.loss!r} embeds a whole batch "
                "at once. Omit mini_batch_size, or use the loss 'info_nce' or 'info_loob'."
            )

    @abstractmethod
    def parts(self, embeddings: Tensor, labels: Tensor, pair_ids: Tensor, anchors_at_a_time: int) -> Iterator[Tensor]:
        """Compute the loss in parts of at most `anchors_at_a_time` anchors: scalars whose sum is the loss.

        A subclass must call `warn_of_no_terms` for a batch from which nothing can be learned.
        """

    def warn_of_no_terms(self, batch_size: int) -> None:
        """Warn once about a batch from which nothing can be learned, and say what to do."""
        if not self._warned and get_rank() == 0:
            self._warned = True
            logger.warning(
                "Nothing can be learned from a batch of %d pairs: it does not contain two pairs of a relation and a "
                "negative. Pass batch_sampler=RelationBatchSampler in the training arguments. Order the rows of a "
                "stream with st_relbert.training.group_relations.",
                batch_size,
            )

    def forward(self, sentence_features: Iterable[dict[str, Any]], labels: Tensor) -> Tensor:
        """Embed a batch and compute its loss.

        Args:
            sentence_features: One element: the preprocessed column of pairs.
            labels: `(B,)`; see `compute_loss_from_embeddings`.

        Raises:
            ValueError: If there is more than one column of inputs, or no labels.
        """
        features = one_column(sentence_features, labels)
        tokens = prompt_tokens(features)
        embeddings = embed_by_length(self.model, features)  # (B, d)
        return self.compute_loss_from_embeddings(*self.gathered(embeddings, labels, tokens))

    def gathered(self, embeddings: Tensor, labels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the embeddings, labels and pair ids of all processes, or only of this one."""
        if self.gather_across_devices and get_world_size() > 1:
            embeddings = gather_rows(embeddings, with_grad=True)
            labels, tokens = gather_rows(labels), gather_rows(tokens)
        # Prompts with the same tokens are the same pair.
        return embeddings, labels, torch.unique(tokens, dim=0, return_inverse=True)[1]

    def compute_loss_from_embeddings(
        self, embeddings: Tensor, labels: Tensor, pair_ids: Tensor | None = None
    ) -> Tensor:
        """Compute the loss of embedded pairs.

        Args:
            embeddings: `(B, d)`.
            labels: `(B,)` integers: the relation of each pair. Below 0 for a pair that is only a negative (-1 - r for a
                negative of relation r).
            pair_ids: `(B,)` integers from 0, equal for equal pairs. None: all pairs are different.

        Returns:
            A scalar; zero if no relation has an anchor.
        """
        if pair_ids is None:
            pair_ids = torch.arange(len(labels), device=labels.device)
        embeddings = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
        return sum(self.parts(embeddings, labels, pair_ids, len(labels)), embeddings.sum() * 0.0)

    def parents_for(self, labels: Tensor) -> Tensor:
        """Return the parents by relation, `(R,)`, after checking that they cover the labels of a batch."""
        parents = torch.tensor(self.parents, device=labels.device, dtype=labels.dtype)
        if (labels >= len(parents)).any():
            raise ValueError(
                f"Got the label {int(labels.max())}, but the parents of only {len(parents)} relations. Pass the parent "
                "of each relation in the dataset, in the order of the labels, such as RelationSet.parents."
            )
        return parents

    def get_config_dict(self) -> dict[str, Any]:
        """Return the settings, for the model card."""
        return {"hierarchy": self.parents is not None, "classification_head": self.classification_head is not None}


def one_column(sentence_features: Iterable[dict[str, Any]], labels: Tensor | None) -> dict[str, Any]:
    """Return the features of the only input column. Raises `ValueError` if there are several, or no labels."""
    columns = list(sentence_features)
    if len(columns) != 1:
        raise ValueError(
            f"Got {len(columns)} input columns, expected one column of pairs in addition to the label. Use "
            "dataset.select_columns to choose them."
        )
    if labels is None or labels.is_floating_point():
        found = "no labels" if labels is None else f"labels such as {labels[0].item()}"
        raise ValueError(
            f"Got {found}, but the loss needs the relation of each pair as an integer. Add an integer column 'label' "
            "to the dataset; st_relbert.data.load_relations does this."
        )
    return columns[0]


class RelationSettings(TypedDict, total=False):
    """The arguments that subclasses pass on to `RelationLoss`."""

    parents: Sequence[int] | None
    classification_head: ClassificationHead | None
    gather_across_devices: bool


class SharedSettings(RelationSettings, total=False):
    """The arguments that subclasses pass on to `AnchorLoss`."""

    reduction: Literal["mean", "sum"]
    anchors: Literal["all", "first"]
    parent_weight: float
    siblings_as_negatives: bool


class AnchorLoss(RelationLoss):
    """The base class of losses that are a sum over anchors, such as `InfoNCELoss` and `RelationTripletLoss`.

    A subclass defines the sum of the terms of some anchors, in `sum_of_terms`, and their number, in `number_of_terms`.

    Args:
        model: The model to train.
        reduction: `"mean"` over the terms, so that the best learning rate does not depend on the contents of a batch,
            or `"sum"`, as in the relbert library.
        anchors: `"all"`, or `"first"`: only the relation of the batch's first pair is pulled together, and all other
            pairs are negatives. This is a step of the relbert library.
        parent_weight: The weight of the parents' terms.
        siblings_as_negatives: Whether pairs of relations with the same parent push each other away.
        **shared: `parents`, `classification_head`, `gather_across_devices`; see `RelationLoss`. For each anchor, the
            loss of the head is the mean binary cross-entropy over its positives and negatives.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        *,
        reduction: Literal["mean", "sum"] = "mean",
        anchors: Literal["all", "first"] = "all",
        parent_weight: float = 1.0,
        siblings_as_negatives: bool = True,
        **shared: Unpack[RelationSettings],
    ) -> None:
        super().__init__(model, **shared)
        check_known("reduction", reduction, ("mean", "sum"))
        check_known("anchors", anchors, ("all", "first"))
        check_number("parent_weight", parent_weight, may_be_0=True)
        if self.parents is None and not siblings_as_negatives:
            raise ValueError("siblings_as_negatives=False needs the parents of the relations. Pass `parents`.")
        self.reduction = reduction
        self.anchors = anchors
        self.parent_weight = parent_weight
        self.siblings_as_negatives = siblings_as_negatives

    @classmethod
    def arguments(cls, settings: TrainingSettings) -> dict[str, Any]:
        """Return the arguments that come from the settings of a training run."""
        return {
            "reduction": settings.reduction,
            "anchors": "first" if settings.relations_per_batch == 1 else "all",
            "parent_weight": settings.parent_weight,
            "siblings_as_negatives": settings.siblings_as_negatives,
        }

    @abstractmethod
    def sum_of_terms(self, batch: RelationBatch, rows: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the sum of some anchors' terms, a scalar: rows `(A,)`, their positives and negatives `(A, B)`."""

    @abstractmethod
    def number_of_terms(self, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the number of these terms, a scalar."""

    def parts(self, embeddings: Tensor, labels: Tensor, pair_ids: Tensor, anchors_at_a_time: int) -> Iterator[Tensor]:
        """Compute the loss in parts; see `RelationLoss.parts`."""
        for level, (batch, weight) in enumerate(self._levels(embeddings, labels, pair_ids)):
            rows = batch.anchors(first_only=self.anchors == "first")
            negatives = batch.negatives(rows)
            number = self.number_of_terms(batch.positives(rows), negatives)
            # Without negatives, InfoNCE has terms but hardly any gradient.
            if level == 0 and (number == 0 or not negatives.any()):
                self.warn_of_no_terms(len(labels))
            terms: Tensor | int = number.clamp(min=1) if self.reduction == "mean" else 1
            anchors = len(rows) if self.reduction == "mean" else 1
            # Splitting an empty tensor would give one empty part.
            for some in rows.split(anchors_at_a_time) if len(rows) else ():
                positives, negatives = batch.positives(some), batch.negatives(some)
                loss = self.sum_of_terms(batch, some, positives, negatives) / terms
                if self.classification_head is not None:
                    head = self.classification_head.loss(batch.embeddings, some, positives, negatives)
                    loss = loss + head / anchors
                yield weight * loss

    def _levels(self, embeddings: Tensor, labels: Tensor, pair_ids: Tensor) -> Iterator[tuple[RelationBatch, float]]:
        """Yield the batch labelled with relations, and the same labelled with parents, each with its weight."""
        if self.parents is None:
            yield RelationBatch(embeddings, labels, pair_ids, families=labels), 1.0
            return
        parents = self.parents_for(labels)
        families = (
            labels if self.siblings_as_negatives else torch.where(labels < 0, labels, parents[labels.clamp(min=0)])
        )
        batch = RelationBatch(embeddings, labels, pair_ids, families)
        yield batch, 1.0
        if self.parent_weight > 0:
            yield batch.of_parents(parents), self.parent_weight

    def get_config_dict(self) -> dict[str, Any]:
        """Return the settings, for the model card."""
        config = {"reduction": self.reduction, "anchors": self.anchors, **super().get_config_dict()}
        if self.parents is not None:
            config |= {"parent_weight": self.parent_weight, "siblings_as_negatives": self.siblings_as_negatives}
        return config
