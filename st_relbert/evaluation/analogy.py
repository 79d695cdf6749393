"""Accuracy on analogy questions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from st_relbert.data.questions import AnalogyQuestion, as_questions
from st_relbert.evaluation.base import RelationEvaluator
from st_relbert.pairs import Pair
from st_relbert.vectors import PairVectors

Questions = Iterable[Mapping[str, Any]]
Direction = Literal["forward", "reverse", "bidirectional"]
Similarity = Literal["cosine", "euclidean"]

# Cosines in float32 carry errors of about 1e-7: a smaller lead is no preference.
TIE_TOLERANCE = 1e-6


class Outcome(NamedTuple):
    """How a model answered one question."""

    predicted: int
    correct: bool
    tied: bool


class AnalogyEvaluator(RelationEvaluator):
    """Scores a model by analogy questions: the chosen pair is the one most similar to the stem.

    Each distinct pair is embedded once, over all question sets. A question whose best score is shared by another pair
    counts as wrong (a model that gives all choices one score would else be right wherever the answer comes first), and
    is reported as a tie. A choice that repeats the right pair is no other pair.

    Args:
        questions: Dicts, or a ``datasets.Dataset``, in the hub's columns: ``stem`` ``[head, tail]``, ``choice`` (list
            of ``[head, tail]``), ``answer`` (index from 0), and optionally ``prefix`` (the question's group). Or a
            mapping of such sets by name: the metrics are then given for each, and their mean over the sets.
        name: Prefix of the metrics and of the CSV file's name.
        batch_size: Pairs embedded at a time.
        show_progress_bar: Show the progress of embedding.
        write_csv: Append the metrics to ``analogy_evaluation_{name}_results.csv`` when called with an output path.
        direction: ``"forward"``: pairs as they are; ``"reverse"``: all with head and tail swapped;
            ``"bidirectional"``: the product of the two similarities.
        similarity: ``"cosine"``, or ``"euclidean"``: 1 / (1 + distance), with the distance of the vectors as they are.

    Raises:
        ValueError: If there are no questions or one is malformed (the error names its row), or if an argument is not
            one of the known values.

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
        questions: Questions | Mapping[str, Questions],
        name: str = "",
        batch_size: int = 64,
        show_progress_bar: bool = False,
        write_csv: bool = True,
        direction: Direction = "forward",
        similarity: Similarity = "cosine",
    ) -> None:
        super().__init__(name, batch_size, show_progress_bar, write_csv)
        if direction not in ("forward", "reverse", "bidirectional"):
            raise ValueError(f"Unknown direction {direction!r}, expected 'forward', 'reverse' or 'bidirectional'.")
        if similarity not in ("cosine", "euclidean"):
            raise ValueError(f"Unknown similarity {similarity!r}, expected 'cosine' or 'euclidean'.")
        self.direction = direction
        self.similarity = similarity
        named: Mapping[str, Any] = questions if isinstance(questions, Mapping) else {"": questions}
        self.sets = {
            key: as_questions(records, "_".join(filter(None, (name, key))) or "analogy questions")
            for key, records in named.items()
        }
        if not self.sets:
            raise ValueError("No question sets, expected at least one.")

    @property
    def questions(self) -> list[AnalogyQuestion]:
        """The questions of all sets."""
        return [question for questions in self.sets.values() for question in questions]

    def compute_metrics(self, model: SentenceTransformer) -> dict[str, float]:
        """``accuracy``, between 0 and 1, and ``ties``, a number of questions; of each set, too, if there are several.

        Over several sets the accuracy is the mean over the sets, each weighing the same.
        """
        by_set = self.outcomes_by_set(model)
        accuracies = {key: float(np.mean([o.correct for o in outcomes])) for key, outcomes in by_set.items()}
        ties = {key: sum(outcome.tied for outcome in outcomes) for key, outcomes in by_set.items()}
        metrics: dict[str, float] = {"accuracy": float(np.mean(list(accuracies.values()))), "ties": sum(ties.values())}
        for key in filter(None, by_set):
            metrics |= {f"{key}_accuracy": accuracies[key], f"{key}_ties": ties[key]}
        return metrics

    def predict(self, model: SentenceTransformer) -> list[int]:
        """The index of the chosen pair of each question; of equal scores the first."""
        return [outcome.predicted for outcome in self.outcomes(model)]

    def outcomes(self, model: SentenceTransformer) -> list[Outcome]:
        """Prediction, correctness and tie of each question, over all sets."""
        return [outcome for outcomes in self.outcomes_by_set(model).values() for outcome in outcomes]

    def outcomes_by_set(self, model: SentenceTransformer) -> dict[str, list[Outcome]]:
        """Prediction, correctness and tie of each question of each set."""
        pairs = {pair for question in self.questions for pair in (question.stem, *question.choices)}
        encoded = {as_read for pair in pairs for as_read in self._as_read(pair)}
        vectors = PairVectors.encode(model, encoded, self.batch_size, self.show_progress_bar)
        return {
            key: [score_question(question, self._scores(question, vectors)) for question in questions]
            for key, questions in self.sets.items()
        }

    def accuracy_by_prefix(self, model: SentenceTransformer) -> dict[str, float]:
        """The accuracy on each group of questions, by the groups' names, over all sets."""
        return accuracy_by_prefix(self.questions, self.outcomes(model))

    def _as_read(self, pair: Pair) -> list[Pair]:
        """The pair in the order or orders in which the direction reads it."""
        orders = {"forward": [pair], "reverse": [pair[::-1]], "bidirectional": [pair, pair[::-1]]}
        return orders[self.direction]

    def _scores(self, question: AnalogyQuestion, vectors: PairVectors) -> NDArray[np.floating[Any]]:
        scores = np.ones(len(question.choices), dtype=np.float32)
        for order, stem in enumerate(self._as_read(question.stem)):
            choices = [self._as_read(choice)[order] for choice in question.choices]
            if self.similarity == "cosine":
                scores = scores * (vectors.unit(choices) @ vectors.unit([stem])[0])
            else:
                scores = scores / (1 + np.linalg.norm(vectors.of(choices) - vectors.of([stem]), axis=1))
        return scores


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


def accuracy_by_prefix(questions: Sequence[AnalogyQuestion], outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The accuracy on each group of questions, by the groups' names.

    Args:
        questions: The questions.
        outcomes: How each was answered.
    """
    correct: dict[str, list[bool]] = defaultdict(list)
    for question, outcome in zip(questions, outcomes, strict=True):
        correct[question.prefix].append(outcome.correct)
    return {prefix: float(np.mean(values)) for prefix, values in correct.items()}
