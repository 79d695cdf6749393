"""SemEval-2012 Task 2: its data, and its official scores for any system.

A system gives each pair of a relation a number that says how well the pair illustrates the relation. Only the order of
a relation's numbers counts. Numbers may be infinite (such as the PMI of words never seen together), but not nan.

Source: Jurgens, Mohammad, Turney and Holyoak (2012), "SemEval-2012 Task 2: Measuring Degrees of Relational
Similarity".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata, spearmanr  # type: ignore[import-untyped]

from st_relbert.data.sources import place_of, require
from st_relbert.pairs import Pair, as_pair, as_pairs

Numbers = Mapping[Pair, float]
CHOICES = 4


@dataclass(frozen=True)
class MaxDiffQuestion:
    """Four pairs, with the votes for each as the least and as the most illustrative."""

    pairs: list[Pair]
    least: list[int]
    most: list[int]

    @classmethod
    def from_record(cls, record: Mapping[str, Any], where: str) -> MaxDiffQuestion:
        """Check a record of `pairs` (four pairs), `least` and `most` (four vote counts each).

        Raises `ValueError` if a column is missing, or there are not four pairs or not four vote counts.
        """
        require(record, ["pairs", "least", "most"], where)
        pairs = record["pairs"]
        if not isinstance(pairs, list | tuple | np.ndarray) or len(pairs) != CHOICES:
            raise ValueError(f"{where} has the pairs {pairs!r}, expected a list of {CHOICES} pairs.")
        return cls(
            as_pairs(pairs, f"{where}, pair"),
            _votes(record["least"], f"{where}, least"),
            _votes(record["most"], f"{where}, most"),
        )


@dataclass(frozen=True)
class SimilarityRelation:
    """A relation: the paradigms that a system is given, and the ratings and questions used to score it."""

    relation_type: str
    paradigms: list[Pair]
    ratings: dict[Pair, float]
    questions: list[MaxDiffQuestion]

    @property
    def pairs(self) -> list[Pair]:
        """The pairs to which a system must give a number: the rated ones, then those that occur only in questions."""
        asked = (pair for question in self.questions for pair in question.pairs)
        return list(dict.fromkeys([*self.ratings, *asked]))

    @classmethod
    def from_records(
        cls, ratings: Mapping[str, Any], maxdiff: Mapping[str, Any], where: str, where_maxdiff: str
    ) -> SimilarityRelation:
        """Check the two records of a relation; errors call them `where` and `where_maxdiff`.

        The record of ratings has `relation_type`, `paradigms` (pairs) and `pairs` (`[head, tail, rating]` each). The
        record of questions has `questions` (see `MaxDiffQuestion.from_record`). Raises `ValueError` if there are no
        paradigms or no questions, something is malformed, a pair is rated twice, or all ratings are equal (nothing
        correlates with equal ratings).
        """
        paradigms = as_pairs(_items(ratings["paradigms"], f"{where}, paradigms", "pairs"), f"{where}, paradigm")
        rated = _ratings(_items(ratings["pairs"], f"{where}, pairs", "[head, tail, rating]"), where)
        questions = [
            MaxDiffQuestion.from_record(record, f"{where_maxdiff}, question {index}")
            for index, record in enumerate(_items(maxdiff["questions"], f"{where_maxdiff}, questions", "questions"))
        ]
        return cls(ratings["relation_type"], paradigms, rated, questions)


Rows = dict[str, tuple[Mapping[str, Any], str]]


def as_similarity_relations(
    ratings: Iterable[Mapping[str, Any]], maxdiff: Iterable[Mapping[str, Any]], split: str | None = "testing"
) -> list[SimilarityRelation]:
    """Check the records of ratings and questions, and join them by relation; see `RelationalSimilarityEvaluator`.

    Pairs are matched by their exact spelling, including case. (In the task's data, each pair of a question is rated
    under the same spelling. A pair without a rating is kept but counts only in its questions.) Returns the relations of
    the split (or all relations), in the order of the ratings. Raises `ValueError` if something is malformed (the error
    names the row), a relation occurs twice or has no ratings or no questions, or the split has no relation.
    """
    rated = _rows(ratings, "ratings", ["paradigms", "pairs"], split)
    asked = _rows(maxdiff, "maxdiff", ["questions"], split)
    for relation, (_, where) in asked.items():
        if relation not in rated:
            raise ValueError(f"{where} has the relation {relation!r}, which has no ratings{_in(split)}.")
    for relation, (_, where) in rated.items():
        if relation not in asked:
            raise ValueError(f"{where} has the relation {relation!r}, which has no questions{_in(split)}.")
    return [
        SimilarityRelation.from_records(record, asked[relation][0], where, asked[relation][1])
        for relation, (record, where) in rated.items()
    ]


def _rows(records: Iterable[Mapping[str, Any]], source: str, columns: list[str], split: str | None) -> Rows:
    """Return the records of a split by relation, each with its name in error messages."""
    rows: Rows = {}
    places: dict[str, str] = {}
    splits = set()
    for index, record in enumerate(records):
        where = f"{source}, {place_of(record, index)}"
        require(record, ["relation_type", "split", *columns], where)
        relation = record["relation_type"]
        if not isinstance(relation, str):
            raise ValueError(f"{where} has the relation_type {relation!r}, expected a string such as '1/a'.")
        if relation in places:
            raise ValueError(f"{where} has the relation {relation!r}, as does {places[relation]}, expected it once.")
        places[relation] = where
        splits.add(str(record["split"]))
        if split is None or record["split"] == split:
            rows[relation] = record, f"{where} ({relation})"
    if not rows:
        found = ", ".join(map(repr, sorted(splits))) or "nothing"
        raise ValueError(f"{source} has no relation{_in(split)}, expected at least one (splits found: {found}).")
    return rows


def _in(split: str | None) -> str:
    return "" if split is None else f" in the split {split!r}"


def _votes(values: Any, where: str) -> list[int]:
    if not isinstance(values, list | tuple | np.ndarray) or len(values) != CHOICES:
        raise ValueError(f"{where} is {values!r}, expected a list of {CHOICES} vote counts, one for each pair.")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
            raise ValueError(f"{where} contains {value!r}, expected vote counts: 0, 1, 2, ...")
    return [int(value) for value in values]


def _items(values: Any, where: str, expected: str) -> list[Any]:
    if not isinstance(values, list | tuple | np.ndarray) or len(values) == 0:
        raise ValueError(f"{where}: {values!r}, expected a list of {expected}, with at least one.")
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
            raise ValueError(f"{here} is {pair!r}, which already has a rating, expected each pair of a relation once.")
        ratings[pair] = float(rating)
    if len(set(ratings.values())) < 2:
        raise ValueError(
            f"{where} rates all {len(ratings)} pairs {next(iter(ratings.values()))}, expected at least two different "
            "ratings: nothing correlates with equal ratings."
        )
    return ratings


class SimilarityScore(NamedTuple):
    """The two official scores of a relation; a system's scores are the averages over the relations."""

    maxdiff_accuracy: float
    spearman: float


def maxdiff_accuracy(questions: Sequence[MaxDiffQuestion], numbers: Numbers) -> float:
    """Return the MaxDiff accuracy of a relation: the share of right guesses, with two guesses per question.

    The *least* guess is the pair with the lowest number, and the *most* guess is the pair with the highest; among equal
    numbers, the first of the four pairs. A guess is right if no other pair got more votes for that side, so any of
    several tied winners is right.

    Args:
        questions: The questions of a relation.
        numbers: The system's number for each pair in the questions.

    Raises:
        ValueError: If a pair has no number or nan, or there are no questions.

    Examples:
        >>> pairs = [("a", "b"), ("c", "d"), ("e", "f"), ("g", "h")]
        >>> question = MaxDiffQuestion(pairs, least=[3, 2, 0, 0], most=[0, 0, 2, 2])
        >>> maxdiff_accuracy([question], dict(zip(pairs, [0.2, 0.1, 0.8, 0.9])))
        0.5
    """
    if not questions:
        raise ValueError("There are no questions, expected at least one.")
    right = []
    for question in questions:
        values = _values(question.pairs, numbers)
        for votes, guess in ((question.least, np.argmin(values)), (question.most, np.argmax(values))):
            right.append(votes[guess] == max(votes))
    return float(np.mean(right))


def spearman(ratings: Numbers, numbers: Numbers) -> float:
    """Return Spearman's rank correlation (-1 to 1) between a system's numbers and the gold ratings of a relation.

    Equal values share their average rank; the correlation is 0 if all numbers of the system are equal. Pairs without a
    rating are ignored. Raises `ValueError` if a rated pair has no number or nan, or all ratings are equal.

    >>> ratings = {("a", "b"): 50.0, ("c", "d"): -10.0, ("e", "f"): 0.0}
    >>> spearman(ratings, {("a", "b"): 0.9, ("c", "d"): 0.1, ("e", "f"): 0.2})
    1.0
    """
    gold, system = _values(list(ratings), ratings, "rating"), _values(list(ratings), numbers)
    if len(set(gold)) < 2:
        raise ValueError(f"The {len(ratings)} ratings are equal, expected at least two different ones.")
    # Ranks of its own, because some versions of scipy give nan for infinite numbers.
    return float(spearmanr(gold, rankdata(system)).statistic) if len(set(system)) > 1 else 0.0


def score_relations(
    relations: Iterable[SimilarityRelation], numbers: Mapping[str, Numbers]
) -> dict[str, SimilarityScore]:
    """Return the scores of each relation from `as_similarity_relations`, by `relation_type`.

    The system's numbers are also given by `relation_type`, then by pair. Raises `ValueError` if a relation has no
    numbers, or one of its pairs has no number or nan.
    """
    scores = {}
    for relation in relations:
        name = relation.relation_type
        if name not in numbers:
            raise ValueError(f"The relation {name!r} has no numbers, expected one for each of its pairs.")
        try:
            scores[name] = SimilarityScore(
                maxdiff_accuracy(relation.questions, numbers[name]), spearman(relation.ratings, numbers[name])
            )
        except ValueError as error:
            raise ValueError(f"Relation {name!r}: {error}") from error
    return scores


def _values(pairs: Sequence[Pair], numbers: Numbers, what: str = "number") -> list[float]:
    values = []
    for pair in pairs:
        value = numbers.get(pair)
        if value is None or math.isnan(value):
            raise ValueError(f"The pair {pair!r} has the {what} {value!r}, expected a number for each pair.")
        values.append(float(value))
    return values
