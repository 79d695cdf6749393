"""Degrees of relational similarity: which pairs are good examples of a relation?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

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

Combine = Literal["mean", "max"]


class RelationalSimilarityEvaluator(RelationEvaluator):
    """Scores a model by how well it tells good examples of a relation from bad ones (SemEval-2012 Task 2).

    The model's number of a pair comes from its cosines to the relation's paradigm pairs, the 3-5 examples that
    annotators were shown. The numbers are scored by the task's own rules, see `st_relbert.evaluation.semeval`. Each
    distinct pair is embedded once.

    Points of reference on the task's data: the gold ratings themselves 75.3 % and 1; random numbers 30.4 % and 0 on
    average (the published Random baseline, 31.2 % and 0.018, is one draw). Equal numbers for all pairs, as a collapsed
    model gives, get 33.2 % and 0: by the rules they guess the first of the four pairs, which annotators favoured as
    the best. A MaxDiff accuracy near 33 % is worth nothing unless Spearman is above 0.

    Args:
        ratings: A record a relation: `relation_type`, `split`, `paradigms` (pairs), `pairs` (`[head, tail,
            rating]` each).
        maxdiff: A record a relation: `relation_type`, `split`, `questions`, each with `pairs` (four pairs),
            `least` and `most` (votes for each of the four). Pairs are matched with the ratings as they are spelled;
            one without a rating still gets its number and counts in its questions.
        name: Prefix of the metrics and of the CSV file's name.
        split: The split to score; None: all relations. The official scores are those of the 69 in `"testing"`.
        combine: `"mean"`: the mean of the cosines, so a pair has to be like all paradigms; `"max"`: the highest,
            so being like one is enough, for relations whose examples differ among themselves. There is no third one
            for the cosine to the paradigms' prototype (the mean of their unit vectors): it gives the same scores as
            `"mean"`.
        **options: Those of every `RelationEvaluator`.

    Raises:
        ValueError: If the data are malformed (the error names the row), no relation is in the split, or `combine` is
            none of the two.

    Source: Jurgens et al. (2012), "SemEval-2012 Task 2: Measuring Degrees of Relational Similarity".
    """

    task = "similarity"
    columns = ["maxdiff_accuracy", "spearman", "relations"]
    # In no published card; no hub has the data.
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
        combine: Combine = "mean",
        **options: Unpack[EvaluatorOptions],
    ) -> None:
        super().__init__(name, **options)
        if combine not in get_args(Combine):
            raise ValueError(f"combine is {combine!r}, expected {' or '.join(map(repr, get_args(Combine)))}.")
        self.combine = combine
        self.relations = as_similarity_relations(ratings, maxdiff, split)

    @classmethod
    def load(cls, name: str, **options: Any) -> Self:
        """The evaluator of SemEval-2012 Task 2, from the folder `$ST_RELBERT_DATA`.

        Args:
            name: The beginning of the two files' names.
            **options: The evaluator's own.

        Raises:
            ValueError: If the files are not there, or are malformed.
        """
        files = [data_file(f"{name}_{part}.jsonl") for part in ("gold_ratings", "maxdiff")]
        return cls(*(read_records(file, [])[0] for file in files), name=name, **options)

    def evaluate(self, model: SentenceTransformer) -> EvaluationResult:
        """`maxdiff_accuracy` (0 to 1) and `spearman` (-1 to 1), the official averages: all relations weigh the same.

        The extra `relations` is the number of relations.
        """
        scores = self.relation_scores(model)
        by_metric = zip(SimilarityScore._fields, zip(*scores.values(), strict=True), strict=True)
        return self.result(
            {metric: list(values) for metric, values in by_metric},
            self.relations,
            extras={"relations": len(scores)},
            relations={relation: score._asdict() for relation, score in scores.items()},
            method="" if self.combine == "mean" else self.combine,
        )

    def relation_scores(self, model: SentenceTransformer) -> dict[str, SimilarityScore]:
        """MaxDiff accuracy and Spearman of each relation, by `relation_type`."""
        return score_relations(self.relations, self.scores(model))

    def scores(self, model: SentenceTransformer) -> dict[str, dict[Pair, float]]:
        """The model's number of each pair: by `relation_type`, then by pair; from -1 to 1.

        Raises:
            ValueError: If the model gives a pair a vector that is zero or not finite.
        """
        pairs = (pair for relation in self.relations for pair in (*relation.paradigms, *relation.pairs))
        vectors = self.vectors_of(model, pairs)
        scores = {}
        for relation in self.relations:
            # In float64, where sums of float32 vectors hardly depend on their order.
            units = vectors.unit(relation.pairs).astype(np.float64)
            numbers = combine_cosines(units @ vectors.unit(relation.paradigms).astype(np.float64).T, self.combine)
            scores[relation.relation_type] = dict(zip(relation.pairs, numbers.tolist(), strict=True))
        return scores


def combine_cosines(cosines: NDArray[np.floating[Any]], combine: Combine) -> NDArray[np.floating[Any]]:
    """One number a pair, `(pairs,)`, from its cosines `(pairs, paradigms)` to the paradigms: their `"mean"` or `"max"`.

    If none differ by more than 1e-6, all are the first: that is float32 noise, and a model that tells no pairs apart is
    to get the Spearman of equal numbers, 0.
    """
    # Why there is no "prototype": let u_1..u_k be the unit vectors of the paradigms and m their mean. For the unit
    # vector x of a pair the cosine to the prototype is (x . m) / |m|, and the mean of the cosines is
    # ((x . u_1) + ... + (x . u_k)) / k = x . m. One is the other over |m|, a positive constant of the relation, so both
    # order its pairs alike, and only the order is scored. The mean also exists where m is zero.
    numbers: NDArray[np.floating[Any]] = cosines.mean(axis=1) if combine == "mean" else cosines.max(axis=1)
    if np.ptp(numbers) <= TIE_TOLERANCE:
        return np.full_like(numbers, numbers[0])
    return numbers
