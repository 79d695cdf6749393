"""MaxDiff questions: which of four pairs illustrates a relation least, which most?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from st_relbert.pairs import Pair, as_pairs
from st_relbert.sources import require

CHOICES = 4


@dataclass(frozen=True)
class MaxDiffQuestion:
    """Four pairs and, for each of them, the votes as least and as most illustrative."""

    pairs: list[Pair]
    least: list[int]
    most: list[int]

    @classmethod
    def of(cls, record: Mapping[str, Any], where: str) -> MaxDiffQuestion:
        """Check a record.

        Args:
            record: ``pairs`` (four pairs), ``least`` and ``most`` (four numbers of votes each).
            where: How to name the record in an error.

        Raises:
            ValueError: If a column is missing, there are not four pairs, or not four numbers of votes.
        """
        if not isinstance(record, Mapping):
            raise ValueError(f"{where} is {record!r}, expected an object with the columns pairs, least, most.")
        require(dict(record), ["pairs", "least", "most"], where)
        pairs = record["pairs"]
        if not isinstance(pairs, list | tuple | np.ndarray) or len(pairs) != CHOICES:
            raise ValueError(f"{where} has the pairs {pairs!r}, expected a list of {CHOICES} pairs.")
        return cls(
            as_pairs(pairs, f"{where}, pair"),
            _votes(record["least"], f"{where}, least"),
            _votes(record["most"], f"{where}, most"),
        )


def _votes(values: Any, where: str) -> list[int]:
    if not isinstance(values, list | tuple | np.ndarray) or len(values) != CHOICES:
        raise ValueError(f"{where} is {values!r}, expected a list of {CHOICES} numbers of votes, one for each pair.")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
            raise ValueError(f"{where} holds {value!r}, expected numbers of votes: 0, 1, 2, ...")
    return [int(value) for value in values]
