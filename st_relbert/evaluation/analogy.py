"""Accuracy on analogy questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from st_relbert.evaluation.pair_vectors import PairVectors
from st_relbert.evaluation.questions import AnalogyQuestion, as_questions
from st_relbert.evaluation.relation_evaluator import RelationEvaluator

# Cosines in float32 carry errors of about 1e-7: a smaller lead is no preference.
TIE_TOLERANCE = 1e-6


class Outcome(NamedTuple):
    """How a model answered one question."""

    predicted: int
    correct: bool
    tied: bool


class AnalogyEvaluator(RelationEvaluator):
    """Scores a model by analogy questions: the chosen pair is the one with the highest cosine to the stem.

    Each distinct pair is embedded once. A question whose best score is shared by another pair counts as wrong (a model
    that gives all choices one score would else be right wherever the answer comes first), and is reported as a tie.
    A choice that repeats the right pair is no other pair.

    Args:
        questions: Dicts, or a ``datasets.Dataset``, in the hub's columns: ``stem`` ``[head, tail]``, ``choice`` (list
            of ``[head, tail]``), ``answer`` (index from 0).
        name: Prefix of the metrics and of the CSV file's name.
        batch_size: Pairs embedded at a time.
        show_progress_bar: Show the progress of embedding.
        write_csv: Append the metrics to ``analogy_evaluation_{name}_results.csv`` when called with an output path.

    Raises:
        ValueError: If there are no questions or one is malformed; the error names its row.

    Example:
        >>> questions = [{"stem": ["a", "b"], "choice": [["c", "d"], ["a", "b"]], "answer": 1}]
        >>> evaluator = AnalogyEvaluator(questions, name="toy")
        >>> evaluator.primary_metric
        'toy_accuracy'

    Source: Ushio et al. (2021), section 4.1.
    """

    task = "analogy"
    columns = ["accuracy", "ties"]

    def __init__(
        self,
        questions: Iterable[Mapping[str, Any]],
        name: str = "",
        batch_size: int = 64,
        show_progress_bar: bool = False,
        write_csv: bool = True,
    ) -> None:
        super().__init__(name, batch_size, show_progress_bar, write_csv)
        self.questions = as_questions(questions, name or "analogy questions")

    def compute_metrics(self, model: SentenceTransformer) -> dict[str, float]:
        """``accuracy``, between 0 and 1, and ``ties``, a number of questions."""
        outcomes = self.outcomes(model)
        return {
            "accuracy": float(np.mean([outcome.correct for outcome in outcomes])),
            "ties": sum(outcome.tied for outcome in outcomes),
        }

    def predict(self, model: SentenceTransformer) -> list[int]:
        """The index of the chosen pair of each question; of equal scores the first."""
        return [outcome.predicted for outcome in self.outcomes(model)]

    def outcomes(self, model: SentenceTransformer) -> list[Outcome]:
        """Prediction, correctness and tie of each question."""
        pairs = {pair for question in self.questions for pair in (question.stem, *question.choices)}
        vectors = PairVectors.encode(model, pairs, self.batch_size, self.show_progress_bar)
        return [
            score_question(question, vectors.unit(question.choices) @ vectors.unit([question.stem])[0])
            for question in self.questions
        ]


def score_question(question: AnalogyQuestion, scores: NDArray[np.floating[Any]]) -> Outcome:
    """Answer a question from the scores of its choices.

    Args:
        question: The question.
        scores: ``(choices,)``; higher is more similar to the stem.

    Returns:
        The first of the best choices, and whether it is right; it is not if another pair scores within 1e-6.
    """
    predicted = int(np.argmax(scores))
    best = question.choices[predicted]
    near = np.flatnonzero(scores >= scores[predicted] - TIE_TOLERANCE)
    tied = any(question.choices[index] != best for index in near)
    return Outcome(predicted, best == question.choices[question.answer] and not tied, tied)
