"""Degrees of relational similarity: how good an example of a relation is a pair?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from typing_extensions import Self, Unpack

from st_relbert.data.sources import read_records
from st_relbert.evaluation.analogy import TIE_TOLERANCE
from st_relbert.evaluation.base import EvaluatorOptions, RelationEvaluator, SuiteTask, data_file
from st_relbert.evaluation.results import EvaluationResult
from st_relbert.evaluation.semeval import SimilarityScore, as_similarity_relations, score_relations
from st_relbert.pairs import Pair


class RelationalSimilarityEvaluator(RelationEvaluator):
    """Evaluates how well a model distinguishes good examples of a relation from bad ones (SemEval-2012 Task 2).

    The model's number for a pair is its mean cosine to the relation's paradigm pairs, the 3-5 examples shown to
    annotators. (The cosine to their prototype, the mean of their unit vectors, would give the same scores.) The numbers
    are scored by the task's own rules (see `st_relbert.evaluation.semeval`). Each distinct pair is embedded once.

    For reference, on the task's data the gold ratings themselves get 75.3 % and 1, and random numbers get 30.4 % and 0
    on average (the published Random baseline, 31.2 % and 0.018, is a single draw). Equal numbers for all pairs, as from
    a collapsed model, get 33.2 % and 0: by the rules, they guess the first of the four pairs, which annotators favoured
    as the best. A MaxDiff accuracy near 33 % means nothing unless Spearman is above 0.

    Args:
        ratings: One record per relation: `relation_type`, `split`, `paradigms` (pairs), `pairs` (`[head, tail,
            rating]` each).
        maxdiff: One record per relation: `relation_type`, `split`, `questions`, each with `pairs` (four pairs),
            `least` and `most` (votes for each of the four). Pairs are matched with the ratings by their exact spelling;
            a pair without a rating still gets a number and counts in its questions.
        name: Prefix of the metrics and of the CSV file's name.
        split: The split to score, or None for all relations. The official scores are on the 69 relations of
            `"testing"`.
        **options: See `RelationEvaluator`.

    Raises:
        ValueError: If the data are malformed (the error names the row), or the split has no relation.

    Source: Jurgens et al. (2012), "SemEval-2012 Task 2: Measuring Degrees of Relational Similarity".
    """

    task = "similarity"
    columns = ["maxdiff_accuracy", "spearman", "relations"]
    # Not in any published card; the data are not on the hub.
    suite = SuiteTask(
        sets={"semeval2012": "SemEval-2012 Task 2"},
        title="Relational Similarity",
        type="relational-similarity",
        dataset_type="relational-similarity",
        counted="relations",
    )

    def __init__(
        self,
        ratings: Iterable[Mapping[str, Any]],
        maxdiff: Iterable[Mapping[str, Any]],
        *,
        name: str = "",
        split: str | None = "testing",
        **options: Unpack[EvaluatorOptions],
    ) -> None:
        super().__init__(name, **options)
        self.relations = as_similarity_relations(ratings, maxdiff, split)

    @classmethod
    def load(cls, name: str, **options: Any) -> Self:
        """Create an evaluator for SemEval-2012 Task 2, from files in the folder `$ST_RELBERT_DATA`.

        Args:
            name: The beginning of the two files' names.
            **options: Further arguments of the evaluator.

        Raises:
            ValueError: If the files do not exist or are malformed.
        """
        files = [data_file(f"{name}_{part}.jsonl") for part in ("gold_ratings", "maxdiff")]
        return cls(*(read_records(file, [])[0] for file in files), name=name, **options)

    def evaluate(self, model: SentenceTransformer) -> EvaluationResult:
        """Compute `maxdiff_accuracy` (0 to 1) and `spearman` (-1 to 1), both unweighted averages over the relations.

        The extra `relations` is the number of relations.
        """
        scores = self.relation_scores(model)
        by_metric = zip(SimilarityScore._fields, zip(*scores.values(), strict=True), strict=True)
        return self.result(
            {metric: list(values) for metric, values in by_metric},
            self.relations,
            extras={"relations": len(scores)},
            relations={relation: score._asdict() for relation, score in scores.items()},
        )

    def relation_scores(self, model: SentenceTransformer) -> dict[str, SimilarityScore]:
        """Return the MaxDiff accuracy and Spearman of each relation, by `relation_type`."""
        return score_relations(self.relations, self.scores(model))

    def scores(self, model: SentenceTransformer) -> dict[str, dict[Pair, float]]:
        """Return the model's number for each pair, from -1 to 1, by `relation_type` and then by pair.

        Raises:
            ValueError: If a vector is zero or not finite.
        """
        pairs = (pair for relation in self.relations for pair in (*relation.paradigms, *relation.pairs))
        vectors = self.vectors_of(model, pairs)
        scores = {}
        for relation in self.relations:
            # In float64, where sums of float32 values hardly depend on their order.
            units = vectors.unit(relation.pairs).astype(np.float64)
            numbers = mean_cosines(units @ vectors.unit(relation.paradigms).astype(np.float64).T)
            scores[relation.relation_type] = dict(zip(relation.pairs, numbers.tolist(), strict=True))
        return scores


def mean_cosines(cosines: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return the mean of each pair's cosines to the paradigms: `(pairs,)` from `(pairs, paradigms)`.

    If the means differ by at most 1e-6, all are set to the first. Such differences are float32 noise, and a model that
    cannot distinguish pairs should get a Spearman of 0.
    """
    means: NDArray[np.floating[Any]] = cosines.mean(axis=1)
    return np.full_like(means, means[0]) if np.ptp(means) <= TIE_TOLERANCE else means
