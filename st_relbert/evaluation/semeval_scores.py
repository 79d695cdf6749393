"""The official scores of SemEval-2012 Task 2, for the numbers of any system.

A system gives every pair of a relation a number: how well the pair illustrates the relation. Only the order of the
numbers of a relation counts. They may be infinite (a PMI of words never seen together), but not nan.

Source: Jurgens, Mohammad, Turney and Holyoak (2012), "SemEval-2012 Task 2: Measuring Degrees of Relational
Similarity".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata  # type: ignore[import-untyped]

from st_relbert.evaluation.maxdiff_question import MaxDiffQuestion
from st_relbert.evaluation.similarity_relation import SimilarityRelation
from st_relbert.pairs import Pair

Numbers = Mapping[Pair, float]


class SimilarityScore(NamedTuple):
    """The two official scores, of a relation or averaged over relations."""

    maxdiff_accuracy: float
    spearman: float


def maxdiff_outcomes(questions: Sequence[MaxDiffQuestion], numbers: Numbers) -> NDArray[np.bool_]:
    """Which guesses are right.

    The *least* guess is the pair with the lowest number, the *most* guess the one with the highest; of equal numbers
    the first in the order of the four. A guess is right if no pair got more votes for that side than the guessed one,
    so each of several tied winners is right.

    Args:
        questions: The questions of a relation.
        numbers: The system's number of each pair of the questions.

    Returns:
        ``(questions, 2)``: whether the *least* and the *most* guess is right.

    Raises:
        ValueError: If a pair has no number or nan, or there are no questions.
    """
    if not questions:
        raise ValueError("There are no questions, expected at least one.")
    values = np.array([_values(question.pairs, numbers) for question in questions])
    guesses = np.stack([values.argmin(axis=1), values.argmax(axis=1)], axis=1)
    votes = np.array([[question.least, question.most] for question in questions])
    guessed = np.take_along_axis(votes, guesses[:, :, np.newaxis], axis=2)[:, :, 0]
    right: NDArray[np.bool_] = guessed == votes.max(axis=2)
    return right


def maxdiff_accuracy(questions: Sequence[MaxDiffQuestion], numbers: Numbers) -> float:
    """MaxDiff accuracy of a relation: the share of right guesses, both sides of a question counting.

    Args:
        questions: The questions of a relation.
        numbers: The system's number of each pair of the questions.

    Raises:
        ValueError: If a pair has no number or nan, or there are no questions.

    Example:
        >>> pairs = [("a", "b"), ("c", "d"), ("e", "f"), ("g", "h")]
        >>> question = MaxDiffQuestion(pairs, least=[3, 2, 0, 0], most=[0, 0, 2, 2])
        >>> maxdiff_accuracy([question], dict(zip(pairs, [0.2, 0.1, 0.8, 0.9])))
        0.5
    """
    return float(maxdiff_outcomes(questions, numbers).mean())


def spearman(ratings: Numbers, numbers: Numbers) -> float:
    """Spearman's rank correlation with the gold ratings of a relation; equal values share their average rank.

    Args:
        ratings: The gold rating of each pair.
        numbers: The system's number of each rated pair; others are not looked at.

    Returns:
        From -1 to 1; 0 if all numbers of the system are equal.

    Raises:
        ValueError: If a pair has no number or nan, or there are no two different ratings.

    Example:
        >>> ratings = {("a", "b"): 50.0, ("c", "d"): -10.0, ("e", "f"): 0.0}
        >>> spearman(ratings, {("a", "b"): 0.9, ("c", "d"): 0.1, ("e", "f"): 0.2})
        1.0
    """
    gold = _centred_ranks(_values(list(ratings), ratings, "rating"))
    system = _centred_ranks(_values(list(ratings), numbers))
    if not gold.any():
        raise ValueError(f"The {len(ratings)} ratings do not differ, expected at least two different ones.")
    if not system.any():
        return 0.0
    return float(gold @ system / math.sqrt((gold @ gold) * (system @ system)))


def score_relations(
    relations: Iterable[SimilarityRelation], numbers: Mapping[str, Numbers]
) -> dict[str, SimilarityScore]:
    """The scores of each relation.

    Args:
        relations: The relations, from :func:`~st_relbert.evaluation.semeval_data.as_similarity_relations`.
        numbers: By ``relation_type``, the system's number of each pair.

    Returns:
        By ``relation_type``.

    Raises:
        ValueError: If a relation has no numbers, or a pair of it has none or nan.
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


def official_average(scores: Mapping[str, SimilarityScore]) -> SimilarityScore:
    """The averages over relations, each weighing the same however many questions and pairs it has.

    Raises:
        ValueError: If there are no relations.
    """
    if not scores:
        raise ValueError("There are no scores of relations to average, expected at least one.")
    accuracy, correlation = np.mean(list(scores.values()), axis=0)
    return SimilarityScore(float(accuracy), float(correlation))


def _values(pairs: Sequence[Pair], numbers: Numbers, what: str = "number") -> list[float]:
    values = []
    for pair in pairs:
        value = numbers.get(pair)
        if value is None or math.isnan(value):
            raise ValueError(f"The pair {pair!r} has the {what} {value!r}, expected a number for each pair.")
        values.append(float(value))
    return values


def _centred_ranks(values: Sequence[float]) -> NDArray[np.floating[Any]]:
    # The mean of the ranks 1..n, shared or not, is (n + 1) / 2: exact in floating point, as are half ranks.
    ranks: NDArray[np.floating[Any]] = rankdata(values) - (len(values) + 1) / 2
    return ranks
