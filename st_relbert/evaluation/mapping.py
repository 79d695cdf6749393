"""Relation mapping: which target term corresponds to each source term?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import permutations
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from typing_extensions import Self, Unpack

from st_relbert.data.questions import MappingProblem, as_problems
from st_relbert.data.sources import read_records
from st_relbert.evaluation.base import EvaluatorOptions, RelationEvaluator, SuiteTask, data_file
from st_relbert.evaluation.best_mapping import best_mapping
from st_relbert.evaluation.results import EvaluationResult
from st_relbert.pairs import check_known
from st_relbert.vectors import PairVectors

Score = Literal["max", "soft"]

# The relbert library adds this to the denominator of its cosine.
EPSILON = 1e-4
# The temperature of the soft score, the same as in the losses.
TEMPERATURE = 0.05


class RelationMappingEvaluator(RelationEvaluator):
    """Evaluates a model on relation mapping: which target term corresponds to each source term?

    The predicted order of the targets is the one with the highest mean, over the sources i, of the maximum, over the
    other sources j, of the cosine between the relation of sources i and j and the relation of their targets. It is
    found exactly (see `best_mapping`). Each distinct pair is embedded once.

    As in the relbert library, 1e-4 is added to the cosine's denominator, so scores depend slightly on the length of the
    vectors: by a relative 1e-4 for length 1, 1e-8 for the library's summed vectors (length 100), and in between for
    means of token vectors. A zero vector has cosine 0 with all others. The library tries the right order first, so
    equal scores count as right (a model that gives all pairs the same vector gets 100 %). This evaluator starts from
    `target_random` instead; the results differ only where best scores are equal.

    Args:
        problems: Dicts or a `datasets.Dataset` with the hub's columns: `source`, `target` (in the right order) and
            `target_random` (the same terms in the order given to the model), lists of at least two terms. Other columns
            are ignored.
        name: Prefix of the metrics and of the CSV file's name.
        score: `"max"` is the score above, used for published figures. With `"soft"`, the cosine is the mean of the
            cosines of (i, j) and (j, i), and all j contribute to the score of i, through the soft maximum with
            temperature 0.05 (see `best_mapping`).
        **options: See `RelationEvaluator`.

    Raises:
        ValueError: If there are no problems, one is malformed (the error names its row), or `score` is unknown.

    Examples:
        >>> problem = {"source": ["sun", "planet"], "target": ["nucleus", "electron"]}
        >>> evaluator = RelationMappingEvaluator([{**problem, "target_random": ["electron", "nucleus"]}], name="toy")
        >>> evaluator.primary_metric
        'toy_accuracy'

    Source: Turney (2008), "The Latent Relation Mapping Engine: Algorithm and Experiments", for the task; Ushio et al.
    (2025), Artificial Intelligence 347, for the score.
    """

    task = "mapping"
    columns = ["accuracy"]
    suite = SuiteTask(
        sets={"relation_mapping": "Relation Mapping", "scar": "SCAR"},
        title="Relation Mapping",
        type="sorting-task",
        dataset_type="relation-mapping",
        counted="problems",
        hub="relbert/relation_mapping",
        local=("scar",),
    )

    def __init__(
        self,
        problems: Iterable[Mapping[str, Any]],
        name: str = "",
        *,
        score: Score = "max",
        **options: Unpack[EvaluatorOptions],
    ) -> None:
        super().__init__(name, **options)
        check_known("score", score, get_args(Score))
        self.score = score
        self.problems = as_problems(problems, name or "relation mapping problems")

    @classmethod
    def load(cls, name: str, **options: Any) -> Self:
        """Create an evaluator for `relbert/relation_mapping`, or for a set in the folder `$ST_RELBERT_DATA`.

        Raises:
            ValueError: If the problems are not available or malformed.
        """
        source = cls.suite.hub_of(name) or data_file(f"{name}/test.jsonl")
        return cls(read_records(source, ["test"])[0], name, **options)

    def evaluate(self, model: SentenceTransformer) -> EvaluationResult:
        """Compute `accuracy` (0 to 1): the share of correctly placed terms in a problem, averaged over the problems."""
        predicted = self.predict(model)
        shares = [
            float(np.mean([guess == right for guess, right in zip(order, problem.target, strict=True)]))
            for problem, order in zip(self.problems, predicted, strict=True)
        ]
        solved = [
            {"source": problem.source, "true": problem.target, "pred": order, "accuracy": share}
            for problem, order, share in zip(self.problems, predicted, shares, strict=True)
        ]
        method = "" if self.score == "max" else self.score
        return self.result({"accuracy": shares}, self.problems, prediction=solved, method=method)

    def predict(self, model: SentenceTransformer) -> list[list[str]]:
        """Return the targets of each problem, in the order of its sources.

        Among orders with equal scores, this is the first in `itertools.permutations(target_random)`.

        Raises:
            ValueError: If a vector is not finite.
        """
        pairs = (pair for problem in self.problems for pair in (*problem.source_pairs(), *problem.given_pairs()))
        vectors = self.vectors_of(model, pairs)
        return [
            [problem.given[index] for index in self._best_order(relation_scores(problem, vectors))]
            for problem in self.problems
        ]

    def _best_order(self, scores: NDArray[np.float64]) -> list[int]:
        if self.score == "max":
            return best_mapping(scores)
        return best_mapping((scores + scores.transpose(1, 0, 3, 2)) / 2, TEMPERATURE)


def relation_scores(problem: MappingProblem, vectors: PairVectors) -> NDArray[np.float64]:
    """Return the cosines between the relations of a problem's n sources and those of its targets, in the given order.

    The shape is `(n, n, n, n)`: `[i, j, a, b]` compares sources i and j with targets a and b; 0 where i = j or a = b.
    The vectors may have any length.
    """
    # In float64, as in the relbert library, so that ties do not depend on rounding.
    sources = vectors.raw(problem.source_pairs()).astype(np.float64)
    targets = vectors.raw(problem.given_pairs()).astype(np.float64)
    lengths = np.outer(np.linalg.norm(sources, axis=1), np.linalg.norm(targets, axis=1))
    size = len(problem.source)
    # The first and the second term of each pair, in the order of the list of pairs.
    first, second = np.array(list(permutations(range(size), 2))).T
    scores = np.zeros((size,) * 4)
    scores[first[:, None], second[:, None], first, second] = sources @ targets.T / (lengths + EPSILON)
    return scores
