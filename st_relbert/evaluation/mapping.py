"""Accuracy on relation mapping problems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from st_relbert.data.questions import MappingProblem
from st_relbert.evaluation.base import RelationEvaluator
from st_relbert.evaluation.best_mapping import best_mapping
from st_relbert.vectors import PairVectors

# A term of a problem is described by its relations to the others, so there has to be another one.


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


# What the reference library adds to the denominator of its cosine.
EPSILON = 1e-4


class RelationMappingEvaluator(RelationEvaluator):
    """Scores a model by relation mapping: which target term stands among the targets as a source among the sources?

    The predicted order of the targets is the one with the highest mean, over the sources i, of the maximum, over the
    other sources j, of the cosine between the relation of sources i and j and that of their targets. It is found
    exactly, see :func:`~st_relbert.evaluation.best_mapping.best_mapping`. Each distinct pair is embedded once.

    As in the reference library, 1e-4 is added to the cosine's denominator, so scores depend a little on the vectors'
    length: a relative 1e-4 for vectors of length 1, 1e-8 for its summed vectors (length 100), in between for means of
    token vectors. A zero vector has the cosine 0 to all others. Unlike the reference, which walks the orders from the
    right one, so that equal scores count as right (a model that gives all pairs one vector gets 100 %), this evaluator
    walks them from ``target_random``; the results differ only where best scores are equal.

    Args:
        problems: Dicts, or a ``datasets.Dataset``, in the hub's columns: ``source``, ``target`` (in the right order),
            ``target_random`` (the same in the order in which they are given); lists of at least two terms. Others
            are not read.
        name: Prefix of the metrics and of the CSV file's name.
        batch_size: Pairs embedded at a time.
        show_progress_bar: Show the progress of embedding.
        write_csv: Append the metrics to ``mapping_evaluation_{name}_results.csv`` when called with an output path.

    Raises:
        ValueError: If there are no problems or one is malformed; the error names its row.

    Example:
        >>> problem = {"source": ["sun", "planet"], "target": ["nucleus", "electron"]}
        >>> evaluator = RelationMappingEvaluator([{**problem, "target_random": ["electron", "nucleus"]}], name="toy")
        >>> evaluator.primary_metric
        'toy_accuracy'

    Source: Turney (2008), "The Latent Relation Mapping Engine: Algorithm and Experiments", for the task; Ushio et al.
    (2025), Artificial Intelligence 347, for the score.
    """

    task = "mapping"
    columns = ["accuracy"]

    def __init__(
        self,
        problems: Iterable[Mapping[str, Any]],
        name: str = "",
        batch_size: int = 64,
        show_progress_bar: bool = False,
        write_csv: bool = True,
    ) -> None:
        super().__init__(name, batch_size, show_progress_bar, write_csv)
        self.problems = as_problems(problems, name or "relation mapping problems")

    def compute_metrics(self, model: SentenceTransformer) -> dict[str, float]:
        """``accuracy``, between 0 and 1: the share of terms placed right in a problem, on average over the problems."""
        return {"accuracy": float(np.mean(self.shares(model)))}

    def shares(self, model: SentenceTransformer) -> list[float]:
        """The share of terms placed right in each problem."""
        return shares_right(self.problems, self.predict(model))

    def predict(self, model: SentenceTransformer) -> list[list[str]]:
        """The targets of each problem, in the order of its sources.

        Of orders with equal scores the first that ``itertools.permutations(target_random)`` walks.

        Raises:
            ValueError: If the model gives a pair a vector that is not finite.
        """
        pairs = {pair for problem in self.problems for pair in (*problem.source_pairs(), *problem.given_pairs())}
        vectors = PairVectors.encode(model, pairs, self.batch_size, self.show_progress_bar)
        return [
            [problem.given[index] for index in best_mapping(relation_scores(problem, vectors))]
            for problem in self.problems
        ]


def shares_right(problems: Sequence[MappingProblem], predicted: Sequence[Sequence[str]]) -> list[float]:
    """The share of terms placed right in each problem.

    Args:
        problems: The problems.
        predicted: The targets of each, in the order of its sources.
    """
    return [
        float(np.mean([guess == right for guess, right in zip(order, problem.target, strict=True)]))
        for problem, order in zip(problems, predicted, strict=True)
    ]


def relation_scores(problem: MappingProblem, vectors: PairVectors) -> NDArray[np.float64]:
    """The cosines between the relations of a problem's sources and those of its targets, as given.

    Args:
        problem: The problem, of n terms.
        vectors: The vectors of its pairs, which may have any length.

    Returns:
        ``(n, n, n, n)``: ``[i, j, a, b]`` compares sources i and j with targets a and b; 0 where i = j or a = b.
    """
    # In float64, as the reference: its ties are those of the numbers, not of rounding.
    sources = vectors.of(problem.source_pairs()).astype(np.float64)
    targets = vectors.of(problem.given_pairs()).astype(np.float64)
    lengths = np.outer(np.linalg.norm(sources, axis=1), np.linalg.norm(targets, axis=1))
    size = len(problem.source)
    # Read down the list of pairs: the first and the second term of each.
    first, second = np.array(list(permutations(range(size), 2))).T
    scores = np.zeros((size,) * 4)
    scores[first[:, None], second[:, None], first, second] = sources @ targets.T / (lengths + EPSILON)
    return scores
