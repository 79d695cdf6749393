"""Which pairs go into a training batch together."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.util.distributed import get_world_size

from st_relbert.pairs import Pair, negative_label


class RelationBatchSampler(DefaultBatchSampler):
    """Batches of several relations with several pairs each.

    An epoch uses every positive pair: the pairs of each relation are shuffled and cut into even groups of at most
    ``pairs_per_relation``, and every batch takes groups from ``relations_per_batch`` different relations. Where the
    groups do not come out even, pairs are drawn again. Every batch has two pairs of the same relation and a negative.
    A relation of a thousand pairs then fills as many batches as a hundred relations of ten; ``size_exponent`` below 1
    gives the small ones their weight, and an epoch no longer uses every pair.
    In batches of one relation, though, an epoch is what it is in the reference: a step a relation, with up to
    ``pairs_per_relation`` pairs drawn from it.

    Pass it to the trainer with its settings filled in::

        SentenceTransformerTrainingArguments(..., batch_sampler=partial(RelationBatchSampler, relations_per_batch=16))

    With several processes a batch is dealt out among them: the settings are those of the whole batch, and training is
    the same whatever their number (the losses of this package compare the pairs of all).

    The reference's step (one relation, up to 10 positives and 400 negatives) is ``relations_per_batch=1,
    pairs_per_relation=10, negatives_per_relation=400, augment_negatives=True`` with the loss's ``anchors="first"``.

    Args:
        dataset: The columns ``pair`` and ``label`` of :func:`st_relbert.data.load_relations`.
        batch_size: Ignored, as are the next two: the settings below say what is in a batch. Trainers pass it.
        drop_last: Ignored.
        valid_label_columns: The first of these columns that the dataset has holds the labels; default ``label``.
        generator: Ignored: the batches depend on ``seed`` and the epoch alone.
        seed: Together with the epoch, which the trainer sets, it decides the batches.
        relations_per_batch: How many relations anchor a batch (all, where there are fewer).
        pairs_per_relation: How many positive pairs of each, at most (a small relation has fewer).
        negatives_per_relation: How many pairs, at most, are added for each as nothing but negatives, from its own.
        augment_negatives: Draw these from the other relations' positives too, as the reference does.
        size_exponent: Of the g groups of a relation an epoch uses g ** size_exponent, rounded: all with 1, one of each
            relation with 0, which other one each epoch. Without effect on batches of one relation.

    Raises:
        ValueError: If a setting is out of range, no relation has two positives, or a batch would have no negative.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 1,
        drop_last: bool = False,
        valid_label_columns: list[str] | None = None,
        generator: torch.Generator | None = None,
        seed: int = 0,
        *,
        relations_per_batch: int = 16,
        pairs_per_relation: int = 6,
        negatives_per_relation: int = 0,
        augment_negatives: bool = False,
        size_exponent: float = 1.0,
    ) -> None:
        super().__init__(dataset, batch_size, drop_last, valid_label_columns, generator, seed)
        for name, value, least in (
            ("relations_per_batch", relations_per_batch, 1),
            ("pairs_per_relation", pairs_per_relation, 2),
            ("negatives_per_relation", negatives_per_relation, 0),
        ):
            if value < least:
                raise ValueError(f"{name} is {value}, expected at least {least}.")
        if not 0 <= size_exponent <= 1:
            raise ValueError(f"size_exponent is {size_exponent}, expected a number from 0 to 1.")
        self.size_exponent = size_exponent
        self.pairs_per_relation = pairs_per_relation
        self.negatives_per_relation = negatives_per_relation
        self.augment_negatives = augment_negatives
        # A loader that deals batches out knows that their sizes differ by there being no batch size, and passes the
        # epoch on to the sampler's own sampler only.
        self.batch_size = None  # type: ignore[assignment]
        self.sampler = self  # type: ignore[assignment]
        self.processes = get_world_size()
        self._index(dataset, valid_label_columns or ["label"])
        self.relations_per_batch = min(relations_per_batch, len(self._positives))
        self._check_negatives()

    def _index(self, dataset: Dataset, label_columns: list[str]) -> None:
        """Sort the rows by relation, and find the pairs that stand under several."""
        column = next((name for name in label_columns if name in dataset.column_names), None)
        if column is None or "pair" not in dataset.column_names:
            raise ValueError(
                f"The dataset has the columns {dataset.column_names}, expected 'pair' and 'label'; see load_relations."
            )
        self._positives: dict[int, list[int]] = defaultdict(list)
        self._negatives: dict[int, list[int]] = defaultdict(list)
        self._pairs: list[Pair] = [tuple(pair) for pair in dataset["pair"]]
        self._labels: list[int] = list(dataset[column])
        self._positive_rows_of_pair: dict[Pair, list[int]] = defaultdict(list)
        for row, (pair, label) in enumerate(zip(self._pairs, self._labels, strict=True)):
            if label >= 0:
                self._positives[label].append(row)
                self._positive_rows_of_pair[pair].append(row)
            else:
                self._negatives[negative_label(label)].append(row)
        self._usable = [label for label, rows in self._positives.items() if len(rows) >= 2]
        if not self._usable:
            raise ValueError("No relation has two positive pairs, so there is nothing to pull together.")

    def _check_negatives(self) -> None:
        if self.relations_per_batch > 1 or (self.augment_negatives and self.negatives_per_relation):
            return
        without = [label for label in self._positives if not self._negatives[label]]
        if not self.negatives_per_relation or without:
            raise ValueError(
                "With one relation a batch, every relation needs negatives: raise relations_per_batch, or set "
                "negatives_per_relation above 0 and augment_negatives=True "
                f"({len(without)} of {len(self._positives)} relations have no negatives of their own)."
            )

    def __len__(self) -> int:
        """The number of batches in an epoch, those of all processes; the same in every epoch."""
        return self._steps() * self.processes

    def _steps(self) -> int:
        if self.relations_per_batch == 1:
            return len(self._positives)
        groups = [self._used(math.ceil(len(rows) / self.pairs_per_relation)) for rows in self._positives.values()]
        return max(max(groups), math.ceil(sum(groups) / self.relations_per_batch))

    def _used(self, groups: int) -> int:
        """How many of a relation's groups an epoch uses."""
        return round(math.pow(groups, self.size_exponent))

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of the epoch, each a list of rows; with several processes, a step's share of each in turn.

        Raises:
            ValueError: If a batch holds fewer pairs than there are processes.
        """
        random = np.random.default_rng([self.seed, self.epoch])
        groups = {label: self._split(rows, random) for label, rows in self._positives.items()}
        for _ in range(self._steps()):
            rows = self._batch(groups, random)
            if len(rows) < self.processes:
                raise ValueError(f"A batch of {len(rows)} pairs cannot be dealt out among {self.processes} processes.")
            for share in np.array_split(rows, self.processes):
                yield share.tolist()

    def _split(self, rows: Sequence[int], random: np.random.Generator) -> list[list[int]]:
        """Cut a relation's shuffled rows into groups of about the same size; a group of one is topped up."""
        shuffled = random.permutation(rows)
        if self.relations_per_batch == 1:
            return [shuffled[: self.pairs_per_relation].tolist()]
        parts = np.array_split(shuffled, math.ceil(len(rows) / self.pairs_per_relation))
        if len(parts) > 1 and len(parts[-1]) == 1:
            parts[-1] = np.append(parts[-1], random.choice(parts[0]))
        return [part.tolist() for part in parts[: self._used(len(parts))]]

    def _batch(self, groups: dict[int, list[list[int]]], random: np.random.Generator) -> list[int]:
        labels = list(groups)
        # The relations with most groups left go first, in random order among equals: all run out together.
        order = sorted(random.permutation(len(labels)), key=lambda index: -len(groups[labels[index]]))
        chosen = [labels[index] for index in order[: self.relations_per_batch]]
        rows: list[int] = []
        for label in chosen:
            rows += groups[label].pop() if groups[label] else self._split(self._positives[label], random)[0]
        if not any(label in self._usable for label in chosen):
            rows = self._split(self._positives[int(random.choice(self._usable))], random)[0] + rows
        for label in chosen:
            rows += self._draw_negatives(label, random)
        return self._with_known_positives(rows)

    def _draw_negatives(self, label: int, random: np.random.Generator) -> list[int]:
        if not self.negatives_per_relation:
            return []
        pool = {self._pairs[row]: row for row in self._negatives[label]}
        if self.augment_negatives:
            own = {self._pairs[row] for row in self._positives[label]}
            others = (rows for other, rows in self._positives.items() if other != label)
            for row in itertools.chain.from_iterable(others):
                if self._pairs[row] not in own:
                    pool.setdefault(self._pairs[row], row)
        count = min(self.negatives_per_relation, len(pool))
        return [int(row) for row in random.choice(list(pool.values()), count, replace=False)]

    def _with_known_positives(self, rows: list[int]) -> list[int]:
        """Drop repeats, and add the other labels of pairs that are positives of several relations in the batch.

        The loss masks a pair out as a negative of a relation it belongs to; it can only know from the batch.
        """
        distinct = dict.fromkeys(rows)
        labels = {self._labels[row] for row in distinct}
        for row in rows:
            for twin in self._positive_rows_of_pair.get(self._pairs[row], ()):
                if self._labels[twin] in labels:
                    distinct.setdefault(twin)
        return list(distinct)
