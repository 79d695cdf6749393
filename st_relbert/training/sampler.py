"""The batch sampler: it decides which pairs go into a batch together."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.util.distributed import get_world_size

from st_relbert.data.relation_set import check_weight
from st_relbert.pairs import as_pairs, counted, negative_label

Rows = NDArray[np.int64]

_SEVERAL_SETS = (
    "Several training sets cannot be used in several processes, because each process would get a batch of another set. "
    "Merge the sets (RelationSet.merge, st-relbert data combine), or train in one process."
)


class RelationBatchSampler(DefaultBatchSampler):
    """Makes batches of several relations with several pairs each, as the losses of this package need.

    An epoch uses every positive pair: the pairs of each relation are shuffled and divided into even groups of at most
    `pairs_per_relation`, and every batch takes groups from `relations_per_batch` different relations. If relations run
    out of groups, pairs are drawn again. Every batch has at least two pairs of the same relation and a negative.

    A relation of a thousand pairs thus fills as many batches as a hundred relations of ten. A `size_exponent` below 1
    gives small relations more weight, and an epoch then does not use every pair. With batches of one relation, an epoch
    is the same as in the relbert library: one step for each relation, with up to `pairs_per_relation` of its pairs.

    Several processes share each batch. The settings refer to the whole batch, and the number of processes does not
    change the training, because the losses of this package compare the pairs of all processes.

    The step of the relbert library (one relation, up to 10 positives and 400 negatives) is `relations_per_batch=1,
    pairs_per_relation=10, negatives_per_relation=400, augment_negatives=True` with the loss's `anchors="first"`.

    Args:
        dataset: A column of pairs, `[head, tail]`, and one of labels, as returned by `st_relbert.data.load_relations`.
            The column of pairs may have any name.
        batch_size: Ignored, although trainers pass it: the settings below determine what is in a batch.
        drop_last: Ignored.
        valid_label_columns: The labels are in the first of these columns that the dataset has; default `label`.
        generator: Ignored: the batches depend only on `seed` and the epoch.
        seed: Determines the batches, together with the epoch, which the trainer sets.
        relations_per_batch: The number of relations that anchor a batch (all if there are fewer).
        pairs_per_relation: The maximum number of positive pairs of each relation.
        negatives_per_relation: The maximum number of each relation's own negatives to add.
        augment_negatives: Draw negatives from the other relations' positives too, as in the relbert library.
        size_exponent: An epoch uses g ** size_exponent of a relation's g groups, rounded. With 1, it uses all; with 0,
            one of each relation, a different one each epoch. No effect on batches of one relation.
        weights: By label, the factor by which an epoch uses more groups of each relation (fewer if below 1); see
            `RelationSet.weights`. A result of 1.5 groups means one or two, at random. Empty: all weights are 1. No
            effect if every batch contains all relations.

    Raises:
        ValueError: If a setting is out of range, the dataset has other columns, no relation has two positives, or a
            batch would have no negative; with several processes, if the dataset is one of several.

    Examples:
        >>> from st_relbert.data import load_relations
        >>> sampler = RelationBatchSampler(load_relations("starter"), relations_per_batch=32, pairs_per_relation=4)
        >>> len(sampler)
        8

        The trainer takes it with its settings filled in:

        >>> from functools import partial
        >>> from sentence_transformers import SentenceTransformerTrainingArguments
        >>> args = SentenceTransformerTrainingArguments(
        ...     batch_sampler=partial(RelationBatchSampler, relations_per_batch=32), report_to="none"
        ... )
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
        weights: Sequence[float] = (),
    ) -> None:
        super().__init__(dataset, batch_size, drop_last, valid_label_columns, generator, seed)
        for name, value, least in (
            ("relations_per_batch", relations_per_batch, 1),
            ("pairs_per_relation", pairs_per_relation, 2),
            ("negatives_per_relation", negatives_per_relation, 0),
        ):
            _check_whole(name, value, least)
        if not 0 <= size_exponent <= 1:
            raise ValueError(f"size_exponent is {size_exponent}, expected a number from 0 to 1.")
        self.size_exponent = size_exponent
        self.pairs_per_relation = pairs_per_relation
        self.negatives_per_relation = negatives_per_relation
        self.augment_negatives = augment_negatives
        self.processes = get_world_size()
        if self.processes > 1:
            # If sets have losses of their own, the trainer adds the set's name to its rows.
            if getattr(dataset.format["format_kwargs"].get("transform"), "keywords", {}).get("dataset_name"):
                raise ValueError(_SEVERAL_SETS)
            # No batch size, so that a loader which distributes batches knows that their sizes differ.
            del self.batch_size
        # Such a loader passes the epoch only to the sampler's own sampler.
        self.sampler = self  # type: ignore[assignment]
        self._index(dataset, valid_label_columns or ["label"])
        self.relations_per_batch = min(relations_per_batch, len(self._positives))
        self._weights = self._weights_of(weights)
        self._check_negatives()

    def __getattr__(self, name: str) -> Any:
        """Explain why there is no batch size to code that combines several samplers; loaders work without one."""
        raise AttributeError(_SEVERAL_SETS if name == "batch_size" else f"RelationBatchSampler has no {name!r}.")

    def _index(self, dataset: Dataset, label_columns: list[str]) -> None:
        """Group the rows by relation, and find the pairs that have several relations."""
        pair_column, label_column = _columns(dataset, label_columns)
        table = dataset.with_format("arrow")[:]
        self._labels: list[int] = table[label_column].to_pylist()
        if others := [label for label in self._labels if not isinstance(label, int)]:
            raise ValueError(f"The column {label_column!r} contains {others[0]!r}, expected integer labels.")
        number: dict[Any, int] = {}
        pairs = as_pairs(table[pair_column].to_pylist(), f"row of {pair_column!r}")
        # Equal pairs have equal numbers.
        self._pair_ids = np.array([number.setdefault(pair, len(number)) for pair in pairs])
        positives: dict[int, list[int]] = defaultdict(list)
        negatives: dict[int, dict[int, int]] = defaultdict(dict)
        rows_of_pair: dict[int, list[int]] = defaultdict(list)
        for row, (pair, label) in enumerate(zip(self._pair_ids.tolist(), self._labels, strict=True)):
            if label >= 0:
                positives[label].append(row)
                rows_of_pair[pair].append(row)
            else:
                negatives[negative_label(label)][pair] = row
        self._positives: dict[int, Rows] = {label: np.array(rows) for label, rows in positives.items()}
        self._negatives = {label: np.fromiter(rows.values(), np.int64) for label, rows in negatives.items()}
        self._twins = {pair: rows for pair, rows in rows_of_pair.items() if len(rows) > 1}
        # One row of each positive pair, in the order of the relations.
        every = np.concatenate([*self._positives.values(), np.zeros(0, np.int64)])
        self._distinct = every[np.sort(np.unique(self._pair_ids[every], return_index=True)[1])]
        self._usable = [label for label, rows in self._positives.items() if len(rows) >= 2]
        if not self._usable:
            raise ValueError("No relation has two positive pairs, so there is nothing to pull together. Add pairs.")

    def _check_negatives(self) -> None:
        if self.relations_per_batch > 1 or (self.augment_negatives and self.negatives_per_relation):
            return
        without = [label for label in self._positives if label not in self._negatives]
        if not self.negatives_per_relation or without:
            raise ValueError(
                f"With one relation per batch, every relation needs negatives ({len(without)} of "
                f"{len(self._positives)} have none of their own). Increase relations_per_batch, or set "
                "negatives_per_relation above 0 and augment_negatives=True."
            )

    def _weights_of(self, weights: Sequence[float]) -> NDArray[np.float64] | None:
        """Return the weights in the order of the relations, or None if all are 1."""
        for label, weight in enumerate(weights):
            check_weight(weight, f"the relation {label}")
        if len(weights) and max(self._positives) >= len(weights):
            raise ValueError(
                f"Got {counted(len(weights), 'weight')}, but the dataset has the label {max(self._positives)}. Pass a "
                "weight for each relation: list(relations.weights.values())."
            )
        if all(weight == 1 for weight in weights):
            return None
        return np.array([weights[label] for label in self._positives], dtype=np.float64)

    def __len__(self) -> int:
        """Return the number of batches in an epoch, over all processes. It is the same in every epoch."""
        return self._steps() * self.processes

    def _steps(self) -> int:
        groups = self._groups_used()
        return math.ceil(max(float(groups.max()), float(groups.sum()) / self.relations_per_batch))

    def _groups_used(self) -> NDArray[np.float64]:
        """Return how many groups of each relation an epoch uses on average."""
        sizes = np.array([len(rows) for rows in self._positives.values()])
        groups = np.ones(len(sizes))
        if self.relations_per_batch > 1:
            groups = np.round(np.ceil(sizes / self.pairs_per_relation) ** self.size_exponent)
        return groups if self._weights is None else groups * self._weights

    def _draw_counts(self, random: np.random.Generator) -> list[int]:
        """Return how many groups of each relation this epoch uses: fractions rounded at random, with the same sum."""
        groups = self._groups_used()
        counts = np.floor(groups)
        if self._weights is not None:
            order = random.permutation(len(groups))
            drawn = np.floor(np.append(0, np.cumsum((groups - counts)[order])) + random.random())
            counts[order] += np.diff(drawn)
        return [int(count) for count in counts]

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of the epoch as lists of rows; with several processes, each one's share in turn.

        Raises `ValueError` if a batch contains fewer pairs than there are processes.
        """
        random = np.random.default_rng([self.seed, self.epoch])
        counts = self._draw_counts(random)
        groups = {
            label: self._groups(rows, count, random)
            for (label, rows), count in zip(self._positives.items(), counts, strict=True)
        }
        for _ in range(self._steps()):
            rows = self._batch(groups, random)
            if len(rows) < self.processes:
                raise ValueError(
                    f"A batch of {len(rows)} pairs is too small for {self.processes} processes. Use larger batches."
                )
            for share in np.array_split(rows, self.processes):
                yield share.tolist()

    def _groups(self, rows: Rows, count: int, random: np.random.Generator) -> list[list[int]]:
        """Return `count` groups of a relation; if it has fewer, its rows are shuffled and grouped again."""
        groups = self._split(rows, random)
        while len(groups) < count:
            groups += self._split(rows, random)
        return groups[:count]

    def _split(self, rows: Rows, random: np.random.Generator) -> list[list[int]]:
        """Shuffle a relation's rows and divide them into groups of about the same size, of at least two if possible."""
        shuffled = random.permutation(rows)
        if self.relations_per_batch == 1:
            return [shuffled[: self.pairs_per_relation].tolist()]
        parts = np.array_split(shuffled, math.ceil(len(rows) / self.pairs_per_relation))
        if len(parts) > 1 and len(parts[-1]) == 1:
            parts[-1] = np.append(parts[-1], random.choice(parts[0]))
        return [part.tolist() for part in parts]

    def _batch(self, groups: dict[int, list[list[int]]], random: np.random.Generator) -> list[int]:
        labels = list(groups)
        # Relations with the most groups left go first, in random order among equals, so that all run out together.
        order = random.permutation(len(labels))
        if self._weights is not None:  # larger weights tend to go first, also when all have run out
            order = np.argsort(random.exponential(size=len(labels)) / self._weights)
        left = np.fromiter(map(len, groups.values()), np.int64)[order]
        chosen = [labels[index] for index in order[np.argsort(-left, kind="stable")[: self.relations_per_batch]]]
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
        pool = self._negatives.get(label, np.zeros(0, np.int64))
        if self.augment_negatives:
            known = np.zeros(len(self._pair_ids), dtype=bool)
            known[self._pair_ids[np.concatenate([self._positives[label], pool])]] = True
            pool = np.concatenate([pool, self._distinct[~known[self._pair_ids[self._distinct]]]])
        drawn: list[int] = random.choice(pool, min(self.negatives_per_relation, len(pool)), replace=False).tolist()
        return drawn

    def _with_known_positives(self, rows: list[int]) -> list[int]:
        """Drop repeats, and add the other labels of pairs that are positives of several relations in the batch.

        The loss does not use a pair as a negative of its own relation, but knows its relations only from the batch.
        """
        distinct = dict.fromkeys(rows)
        labels = {self._labels[row] for row in distinct}
        for pair in self._pair_ids[rows].tolist():
            for twin in self._twins.get(pair, ()):
                if self._labels[twin] in labels:
                    distinct.setdefault(twin)
        return list(distinct)


def _check_whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise ValueError(f"{name} is {value!r}, expected a whole number of at least {least}.")


def _columns(dataset: Dataset, label_columns: list[str]) -> tuple[str, str]:
    """Return the names of the column of pairs and the column of labels."""
    names = dataset.column_names
    label = next((name for name in label_columns if name in names), None)
    others = [name for name in names if name != label]
    if label is None or len(others) != 1:
        raise ValueError(
            f"The dataset has the columns {', '.join(names)}, expected one column of pairs, with any name, and one of "
            f"labels, {' or '.join(map(repr, label_columns))}. Use dataset.select_columns or rename_column, or load "
            "the dataset with st_relbert.data.load_relations."
        )
    return others[0], label
