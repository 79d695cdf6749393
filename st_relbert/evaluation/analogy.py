"""Analogy questions: which pair has the same relation as the stem?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from typing_extensions import Self, Unpack

from st_relbert.data.questions import AnalogyQuestion, as_questions, load_questions
from st_relbert.data.shipped import SHIPPED
from st_relbert.data.sources import STARTER
from st_relbert.evaluation.base import EvaluatorOptions, RelationEvaluator, SuiteTask
from st_relbert.evaluation.results import EvaluationResult
from st_relbert.pairs import Pair, check_known
from st_relbert.vectors import PairVectors

Direction = Literal["forward", "reverse", "bidirectional"]
Similarity = Literal["cosine", "euclidean"]
_Scores = NDArray[np.floating[Any]]

# Vectors in float32 have errors of about 1e-7 of their length, so a lead smaller than this part of it is not a
# preference. Cosines are of vectors of length 1.
TIE_TOLERANCE = 1e-6


class Outcome(NamedTuple):
    """A model's answer to one question."""

    predicted: int
    correct: bool
    tied: bool


class AnalogyEvaluator(RelationEvaluator):
    """Evaluates a model on analogy questions: it chooses the pair most similar to the stem.

    Each distinct pair is embedded once. If two different pairs share the best score, the question counts as wrong and
    is reported as a tie (otherwise a model that gives all choices the same score would be right whenever the answer
    comes first). A choice that repeats the right pair does not make a tie.

    Args:
        questions: Dicts or a `datasets.Dataset` with the hub's columns: `stem` (`[head, tail]`), `choice` (a list of
            `[head, tail]`), `answer` (an index from 0) and optionally `prefix` (the question's group).
        name: Prefix of the metrics and of the CSV file's name.
        direction: `"forward"` reads pairs as they are, `"reverse"` swaps all heads and tails, and `"bidirectional"`
            multiplies the two similarities.
        similarity: `"cosine"`, or `"euclidean"`: 1 / (1 + distance) between the vectors, which are not normalized.
        **options: See `RelationEvaluator`.

    Raises:
        ValueError: If there are no questions, a question is malformed (the error names its row), or `direction` or
            `similarity` is unknown.

    Examples:
        >>> questions = [{"stem": ["a", "b"], "choice": [["c", "d"], ["a", "b"]], "answer": 1}]
        >>> evaluator = AnalogyEvaluator(questions, name="toy")
        >>> evaluator.primary_metric
        'toy_accuracy'

    Source: Ushio et al. (2021), section 4.1.
    """

    task = "analogy"
    columns = ["accuracy", "ties"]
    suite = SuiteTask(
        sets={
            "sat_full": "SAT full",
            "sat": "SAT",
            "u2": "U2",
            "u4": "U4",
            "u4/validation": "U4 validation",
            "google": "Google",
            "bats": "BATS",
            "scan": "SCAN",
            "conceptnet_relational_similarity": "ConceptNet Analogy",
            "t_rex_relational_similarity": "TREX Analogy",
            "nell_relational_similarity": "NELL-ONE Analogy",
        },
        title="Analogy Questions",
        type="multiple-choice-qa",
        dataset_type="analogy-questions",
        counted="questions",
        hub="relbert/analogy_questions",
    )

    def __init__(
        self,
        questions: Iterable[Mapping[str, Any]],
        name: str = "",
        *,
        direction: Direction = "forward",
        similarity: Similarity = "cosine",
        **options: Unpack[EvaluatorOptions],
    ) -> None:
        super().__init__(name, **options)
        check_known("direction", direction, get_args(Direction))
        check_known("similarity", similarity, get_args(Similarity))
        self.direction = direction
        self.similarity = similarity
        self.questions = as_questions(questions, name or "analogy questions")

    @classmethod
    def load(cls, name: str, **options: Any) -> Self:
        """Create an evaluator for a set of `relbert/analogy_questions`.

        Args:
            name: A set (`"u2"`; its split `test` is read), a set and a split (`"u4/validation"`), or a shipped set
                (`"starter/held_out_pairs"`).
            **options: Further arguments of the evaluator.

        Raises:
            ValueError: If the questions are not available or malformed.
        """
        data_set, _, split = name.partition("/")
        if data_set in (STARTER, SHIPPED):
            return cls(load_questions(name, "test"), name, **options)
        return cls(load_questions(f"{cls.suite.hub}/{data_set}", split or "test"), name, **options)

    def evaluate(self, model: SentenceTransformer) -> EvaluationResult:
        """Compute `accuracy` (0 to 1) and, as an extra, the number of `ties`."""
        outcomes = self.outcomes(model)
        return self.result(
            {"accuracy": [outcome.correct for outcome in outcomes]},
            self.questions,
            extras={"ties": sum(outcome.tied for outcome in outcomes)},
            predictions=[outcome.predicted for outcome in outcomes],
            accuracy_by_prefix=self._by_prefix(outcomes),
            method=", ".join(each for each in (self.direction, self.similarity) if each not in ("forward", "cosine")),
        )

    def predict(self, model: SentenceTransformer) -> list[int]:
        """Return the index of the chosen pair for each question; among equal scores, the first."""
        return [outcome.predicted for outcome in self.outcomes(model)]

    def outcomes(self, model: SentenceTransformer) -> list[Outcome]:
        """Return the prediction for each question, whether it is correct, and whether it is a tie."""
        pairs = (pair for question in self.questions for pair in (question.stem, *question.choices))
        vectors = self.vectors_of(model, (as_read for pair in pairs for as_read in self._as_read(pair)))
        return [answer(question, *self._scores(question, vectors)) for question in self.questions]

    def accuracy_by_prefix(self, model: SentenceTransformer) -> dict[str, float]:
        """Return the accuracy on each group of questions, by the group's name."""
        return self._by_prefix(self.outcomes(model))

    def _by_prefix(self, outcomes: list[Outcome]) -> dict[str, float]:
        correct: dict[str, list[bool]] = defaultdict(list)
        for question, outcome in zip(self.questions, outcomes, strict=True):
            correct[question.prefix].append(outcome.correct)
        return {prefix: float(np.mean(values)) for prefix, values in correct.items()}

    def _as_read(self, pair: Pair) -> list[Pair]:
        """Return the pair in the order or orders that the direction uses."""
        orders = {"forward": [pair], "reverse": [pair[::-1]], "bidirectional": [pair, pair[::-1]]}
        return orders[self.direction]

    def _scores(self, question: AnalogyQuestion, vectors: PairVectors) -> tuple[_Scores, _Scores | float]:
        """Return the choices' scores, `(choices,)`, and how much lower they may be than an equal one."""
        stems = self._as_read(question.stem)
        choices = [[self._as_read(choice)[order] for choice in question.choices] for order in range(len(stems))]
        if self.similarity == "euclidean":
            return _by_distance(vectors.raw(stems), np.stack([vectors.raw(pairs) for pairs in choices]))
        scores = np.ones(len(question.choices), dtype=np.float32)
        for stem, pairs in zip(stems, choices, strict=True):
            scores = scores * (vectors.unit(pairs) @ vectors.unit([stem])[0])
        return scores, TIE_TOLERANCE


def _by_distance(stems: _Scores, choices: _Scores) -> tuple[_Scores, _Scores]:
    """Score vectors `(orders, choices, d)` by the product of 1 / (1 + distance) to the stems `(orders, d)`.

    The logarithms are returned, because the products themselves hardly differ if the distances are small or large.
    """
    stems, choices = stems[:, None].astype(np.float64), choices.astype(np.float64)
    distances = np.linalg.norm(choices - stems, axis=2)
    lengths = np.maximum(np.linalg.norm(choices, axis=2), np.linalg.norm(stems, axis=2))
    tolerances = TIE_TOLERANCE * lengths / (1 + distances)
    return -np.log1p(distances).sum(axis=0), tolerances.sum(axis=0)


def answer(question: AnalogyQuestion, scores: _Scores, tolerance: _Scores | float) -> Outcome:
    """Answer a question from the scores of its choices, `(choices,)`; a higher score is more similar to the stem.

    The prediction is the first of the best choices. It counts as wrong if a different pair's score is as high, up to
    the tolerance.
    """
    predicted = int(np.argmax(scores))
    best = question.choices[predicted]
    near = np.flatnonzero(scores >= scores[predicted] - tolerance)
    tied = any(question.choices[index] != best for index in near)
    return Outcome(predicted, best == question.choices[question.answer] and not tied, tied)
