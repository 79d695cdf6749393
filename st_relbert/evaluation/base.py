"""What the evaluators have in common."""

from __future__ import annotations

import csv
import hashlib
import logging
import os
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.evaluation import BaseEvaluator


@dataclass(frozen=True)
class Result:
    """One figure of an evaluation.

    Args:
        task: ``"analogy"``, ``"classification"``, ``"mapping"`` or ``"similarity"``.
        dataset: The data set's name on the hub without its owner, for instance ``"u2"`` or ``"ROOT09"``.
        metric: ``"accuracy"``, ``"f1_micro"``, ``"f1_macro"``, ``"maxdiff_accuracy"`` or ``"spearman"``.
        value: The figure; a share lies between 0 and 1.
        count: Over how many questions, test pairs, problems or relations.
        interval: The bounds of its 95 % confidence interval, where one is computed.
    """

    task: str
    dataset: str
    metric: str
    value: float
    count: int
    interval: tuple[float, float] | None = None


def digest(questions: object) -> str:
    """A digest of questions or labelled pairs, so that two models are only ever compared on the same ones.

    Args:
        questions: Anything whose ``repr`` says all that it consists of.
    """
    return hashlib.sha256(repr(questions).encode()).hexdigest()


logger = logging.getLogger(__name__)


class RelationEvaluator(BaseEvaluator):
    """An evaluator of relation embeddings: computes metrics, names them, logs them and writes them to a CSV file.

    Args:
        name: Prefix of the metrics and part of the CSV file's name.
        batch_size: Pairs embedded at a time.
        show_progress_bar: Show the progress of embedding.
        write_csv: Append the metrics to ``{task}_evaluation_{name}_results.csv`` when called with an output path.
    """

    task: ClassVar[str]
    """What is evaluated, for the CSV file's name."""
    columns: ClassVar[list[str]]
    """The metrics that go into the CSV file; the first is the primary one."""

    def __init__(
        self, name: str = "", batch_size: int = 64, show_progress_bar: bool = False, write_csv: bool = True
    ) -> None:
        super().__init__()
        self.name = name
        self.batch_size = batch_size
        self.show_progress_bar = show_progress_bar
        self.write_csv = write_csv
        self.csv_file = "_".join(part for part in (self.task, "evaluation", name, "results.csv") if part)
        self.csv_headers = ["epoch", "steps", *self.columns]
        self.primary_metric = f"{name}_{self.columns[0]}" if name else self.columns[0]

    @abstractmethod
    def compute_metrics(self, model: SentenceTransformer) -> dict[str, float]:
        """Compute the metrics, by their names without the prefix."""

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
            The metrics, ``{name}_{metric}``.
        """
        metrics = self.compute_metrics(model)
        logger.info("%s %s: %s %.4f", self.task, self.name, self.columns[0], metrics[self.columns[0]])
        if output_path is not None and self.write_csv:
            self._write_csv(output_path, [epoch, steps, *(metrics[column] for column in self.columns)])
        metrics = self.prefix_name_to_metrics(metrics, self.name)
        self.store_metrics_in_model_card_data(model, metrics, epoch, steps)
        return metrics

    def _write_csv(self, output_path: str, row: list[Any]) -> None:
        os.makedirs(output_path, exist_ok=True)
        path = os.path.join(output_path, self.csv_file)
        is_new = not os.path.isfile(path)
        with open(path, mode="a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(self.csv_headers)
            writer.writerow(row)
