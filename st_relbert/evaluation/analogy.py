"""Accuracy on analogy questions."""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.evaluation import BaseEvaluator

from st_relbert.evaluation.questions import AnalogyQuestion, as_questions

logger = logging.getLogger(__name__)

# Cosines in float32 carry errors of about 1e-7: a smaller lead is no preference.
TIE_TOLERANCE = 1e-6


class Outcome(NamedTuple):
    """How a model answered one question."""

    predicted: int
    correct: bool
    tied: bool


class AnalogyEvaluator(BaseEvaluator):
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

    def __init__(
        self,
        questions: Iterable[Mapping[str, Any]],
        name: str = "",
        batch_size: int = 64,
        show_progress_bar: bool = False,
        write_csv: bool = True,
    ) -> None:
        super().__init__()
        self.questions = as_questions(questions, name or "analogy questions")
        self.name = name
        self.batch_size = batch_size
        self.show_progress_bar = show_progress_bar
        self.write_csv = write_csv
        self.csv_file = "_".join(part for part in ("analogy_evaluation", name, "results.csv") if part)
        self.csv_headers = ["epoch", "steps", "accuracy", "ties"]
        self.primary_metric = f"{name}_accuracy" if name else "accuracy"

    def __call__(  # type: ignore[override]  # as sentence-transformers' own evaluators
        self, model: SentenceTransformer, output_path: str | None = None, epoch: int = -1, steps: int = -1
    ) -> dict[str, float]:
        """Evaluate a model.

        Args:
            model: A SentenceTransformer that takes pairs.
            output_path: Folder for the CSV file, if any.
            epoch: Epoch, for the CSV file.
            steps: Steps, for the CSV file.

        Returns:
            ``{name}_accuracy``, between 0 and 1, and ``{name}_ties``, a number of questions.
        """
        outcomes = self.outcomes(model)
        metrics: dict[str, float] = {
            "accuracy": float(np.mean([outcome.correct for outcome in outcomes])),
            "ties": sum(outcome.tied for outcome in outcomes),
        }
        logger.info("Analogy questions %s: accuracy %.2f %%", self.name, 100 * metrics["accuracy"])
        if output_path is not None and self.write_csv:
            self._write_csv(output_path, [epoch, steps, *metrics.values()])
        metrics = self.prefix_name_to_metrics(metrics, self.name)
        self.store_metrics_in_model_card_data(model, metrics, epoch, steps)
        return metrics

    def predict(self, model: SentenceTransformer) -> list[int]:
        """The index of the chosen pair of each question; of equal scores the first."""
        return [outcome.predicted for outcome in self.outcomes(model)]

    def outcomes(self, model: SentenceTransformer) -> list[Outcome]:
        """Prediction, correctness and tie of each question."""
        pairs = {pair for question in self.questions for pair in (question.stem, *question.choices)}
        rows = {pair: row for row, pair in enumerate(sorted(pairs))}
        embeddings: NDArray[np.float32] = model.encode(
            list(rows),
            batch_size=self.batch_size,
            show_progress_bar=self.show_progress_bar,
            convert_to_numpy=True,
            normalize_embeddings=True,
        )  # (distinct pairs, d)
        return [
            score_question(
                question, embeddings[[rows[pair] for pair in question.choices]] @ embeddings[rows[question.stem]]
            )
            for question in self.questions
        ]

    def _write_csv(self, output_path: str, row: list[Any]) -> None:
        os.makedirs(output_path, exist_ok=True)
        path = os.path.join(output_path, self.csv_file)
        is_new = not os.path.isfile(path)
        with open(path, mode="a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(self.csv_headers)
            writer.writerow(row)


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
