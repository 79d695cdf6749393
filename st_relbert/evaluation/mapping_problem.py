"""Relation mapping problems: which target term corresponds to which source term?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from st_relbert.pairs import Pair, as_pairs
from st_relbert.sources import require

# A term of a problem is described by its relations to the others, so there has to be another one.
FEWEST_TERMS = 2


@dataclass(frozen=True)
class MappingProblem:
    """Source terms, the target terms in the right order, and the target terms in the order in which they are given."""

    source: list[str]
    target: list[str]
    given: list[str]

    @classmethod
    def of(cls, record: Mapping[str, Any], where: str) -> MappingProblem:
        """Check a record in the hub's columns.

        Args:
            record: ``source``, ``target`` (in the right order), ``target_random`` (as given): lists of terms.
            where: How to name the record in an error.

        Raises:
            ValueError: If a column is missing, is no list of at least two terms, or holds a term twice, or if the lists
                do not fit together.
        """
        columns = ["source", "target", "target_random"]
        require(dict(record), columns, where)
        source, target, given = (_terms(record[column], f"{where}, {column}") for column in columns)
        if len(source) != len(target):
            raise ValueError(
                f"{where} has {len(source)} source terms {source!r} and {len(target)} target terms {target!r}, "
                "expected as many targets as sources."
            )
        if sorted(target) != sorted(given):
            raise ValueError(
                f"{where} has the target_random {given!r}, expected the terms of target {target!r} in some order."
            )
        return cls(source, target, given)

    def source_pairs(self) -> list[Pair]:
        """All ``n (n - 1)`` ordered pairs of source terms, in the order of ``itertools.permutations``."""
        return list(permutations(self.source, 2))

    def given_pairs(self) -> list[Pair]:
        """All ``n (n - 1)`` ordered pairs of target terms as given, in the order of ``itertools.permutations``."""
        return list(permutations(self.given, 2))


def as_problems(
    records: Iterable[Mapping[str, Any]], source: str = "relation mapping problems"
) -> list[MappingProblem]:
    """Check relation mapping problems in the hub's columns; see :meth:`MappingProblem.of`.

    Raises:
        ValueError: If there are none, or one is malformed.
    """
    problems = [MappingProblem.of(record, f"{source}, row {row}") for row, record in enumerate(records)]
    if not problems:
        raise ValueError(f"{source}: no problems, expected at least one.")
    return problems


def _terms(values: Any, where: str) -> list[str]:
    if not isinstance(values, list | tuple | np.ndarray) or len(values) < FEWEST_TERMS:
        raise ValueError(f"{where} is {values!r}, expected a list of at least {FEWEST_TERMS} terms.")
    terms = [head for head, _ in as_pairs(((value, value) for value in values), f"{where}, term")]
    term, count = Counter(terms).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{where} is {terms!r}, with {term!r} {count} times, expected each term once.")
    return terms
