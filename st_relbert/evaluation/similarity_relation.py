"""A relation with rated pairs and MaxDiff questions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from st_relbert.evaluation.maxdiff_question import MaxDiffQuestion
from st_relbert.pairs import Pair, as_pair, as_pairs


@dataclass(frozen=True)
class SimilarityRelation:
    """What a system is told about a relation (the paradigms) and what it is scored by (ratings, questions)."""

    relation_type: str
    paradigms: list[Pair]
    ratings: dict[Pair, float]
    questions: list[MaxDiffQuestion]

    @property
    def pairs(self) -> list[Pair]:
        """The pairs a system has to give a number: the rated ones, then those that only questions hold."""
        asked = (pair for question in self.questions for pair in question.pairs)
        return list(dict.fromkeys([*self.ratings, *asked]))

    @classmethod
    def of(
        cls, ratings: Mapping[str, Any], maxdiff: Mapping[str, Any], where: str, where_maxdiff: str
    ) -> SimilarityRelation:
        """Check the two records of a relation.

        Args:
            ratings: ``relation_type``, ``paradigms`` (pairs), ``pairs`` (``[head, tail, rating]`` each).
            maxdiff: ``questions``; see :meth:`MaxDiffQuestion.of`.
            where: How to name the record of ratings in an error.
            where_maxdiff: How to name the record of questions in an error.

        Raises:
            ValueError: If there are no paradigms or no questions, something is malformed, a pair is rated twice, or
                there are no two different ratings (nothing can be correlated with them).
        """
        paradigms = as_pairs(_items(ratings["paradigms"], f"{where}, paradigms", "pairs"), f"{where}, paradigm")
        rated = _ratings(_items(ratings["pairs"], f"{where}, pairs", "[head, tail, rating]"), where)
        questions = [
            MaxDiffQuestion.of(record, f"{where_maxdiff}, question {index}")
            for index, record in enumerate(_items(maxdiff["questions"], f"{where_maxdiff}, questions", "questions"))
        ]
        return cls(ratings["relation_type"], paradigms, rated, questions)


def _items(values: Any, where: str, expected: str) -> list[Any]:
    if not isinstance(values, list | tuple | np.ndarray) or len(values) == 0:
        raise ValueError(f"{where}: {values!r}, expected a list of at least one of {expected}.")
    return list(values)


def _ratings(values: list[Any], where: str) -> dict[Pair, float]:
    ratings: dict[Pair, float] = {}
    for index, value in enumerate(values):
        here = f"{where}, rated pair {index}"
        if not isinstance(value, list | tuple | np.ndarray) or len(value) != 3:
            raise ValueError(f"{here} is {value!r}, expected [head, tail, rating].")
        pair, rating = as_pair(list(value[:2]), here), value[2]
        if isinstance(rating, bool) or not isinstance(rating, Real) or not math.isfinite(rating):
            raise ValueError(f"{here}, {pair!r}, has the rating {rating!r}, expected a finite number.")
        if pair in ratings:
            raise ValueError(f"{here} is {pair!r}, which is rated before, expected each pair of a relation once.")
        ratings[pair] = float(rating)
    if len(set(ratings.values())) < 2:
        raise ValueError(
            f"{where} rates {len(ratings)} pairs, all {next(iter(ratings.values()))}, expected at least two different "
            "ratings: nothing correlates with equal ones."
        )
    return ratings
