"""Streams of pairs in an order that can be learned from."""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import Any

import numpy as np
from datasets import IterableDataset

from st_relbert.training.sampler import Rows


def group_relations(
    stream: IterableDataset,
    *,
    pairs_per_relation: int = 4,
    buffer_size: int = 10_000,
    label_column: str = "label",
    seed: int = 0,
) -> IterableDataset:
    """Order a stream so that any run of rows holds several pairs of several relations.

    Trainers take no batch sampler for a stream: a batch is the next `per_device_train_batch_size` rows. Those of a
    file ordered by relation, or shuffled over thousands of relations, hold nothing to learn from. This function
    shuffles a buffer at a time, in groups of pairs of the same relation.

    Args:
        stream: Pairs and labels, as `RelationSet.dataset` has them.
        pairs_per_relation: How many pairs of a relation stand together, at most. A divisor of the batch size keeps
            them in one batch.
        buffer_size: Rows that are read ahead. They have to hold several relations: shuffle a stream that is ordered by
            relation beforehand, or take a larger buffer.
        label_column: The column of labels.
        seed: Decides the order.

    Returns:
        The same rows in another order.

    Examples:
        >>> from st_relbert.data import load_relations
        >>> stream = group_relations(load_relations("starter").to_iterable_dataset(), pairs_per_relation=4)
        >>> len({row["label"] for row in stream.take(32)}) > 1
        True
    """
    grouped = partial(_in_groups, size=pairs_per_relation, label_column=label_column, seed=seed)
    return stream.map(grouped, batched=True, batch_size=buffer_size, features=stream.features)


def _in_groups(rows: dict[str, list[Any]], size: int, label_column: str, seed: int) -> dict[str, list[Any]]:
    labels = np.array(rows[label_column])
    random = np.random.default_rng([seed, len(labels)])
    rounds: list[list[Rows]] = []  # a group of each relation, then another of each that has one
    for label in random.permutation(np.unique(labels[labels >= 0])):
        members = random.permutation(np.flatnonzero(labels == label))
        for number, group in enumerate(np.array_split(members, math.ceil(len(members) / size))):
            if number == len(rounds):
                rounds.append([])
            rounds[number].append(group)
    groups = [group for groups in rounds for group in groups]
    # What is nothing but a negative stands between the groups, evenly.
    negatives = np.array_split(random.permutation(np.flatnonzero(labels < 0)), max(len(groups), 1))
    order = [row for parts in itertools.zip_longest(groups, negatives, fillvalue=()) for part in parts for row in part]
    return {name: [values[row] for row in order] for name, values in rows.items()}
