"""The base class of the evaluators."""

from __future__ import annotations

import csv
import logging
import os
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypedDict

import numpy as np
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.evaluation import BaseEvaluator
from typing_extensions import Self

from st_relbert.data.sources import DATA_DIR_VARIABLE
from st_relbert.evaluation.results import EvaluationResult, digest
from st_relbert.evaluation.statistics import bootstrap_interval
from st_relbert.files.outputs import file_name
from st_relbert.pairs import Pair
from st_relbert.vectors import PairVectors

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SuiteTask:
    """Describes the sets of an evaluator for the suite and the model card.

    Args:
        sets: The names of the sets, in the order of the papers' tables, mapped to their names in model cards.
        title: The task's name in model cards.
        type: The task's type in a `model-index`.
        dataset_type: The type of its data sets in a `model-index`.
        counted: What the results count, such as `"questions"`.
        hub: The data set on the Hugging Face hub that contains the sets, or None.
        local: Sets that are not on the hub but may be in a local folder.

    Examples:
        >>> names = {"title": "Analogies", "type": "qa", "dataset_type": "analogies", "counted": "questions"}
        >>> SuiteTask(sets={"u2": "U2"}, hub="me/questions", **names).hub_of("u2")
        'me/questions'
    """

    sets: Mapping[str, str]
    title: str
    type: str
    dataset_type: str
    counted: str
    hub: str | None = None
    local: tuple[str, ...] = ()

    def hub_of(self, name: str) -> str | None:
        """Return the hub's data set that contains a set, or None."""
        return self.hub if name in self.sets and name not in self.local else None


def data_file(name: str) -> Path:
    """Return the path of a file in the folder `$ST_RELBERT_DATA`, for sets that are not on the hub.

    Raises `ValueError` if the file does not exist.
    """
    path = Path(os.environ.get(DATA_DIR_VARIABLE, "."), name)
    if not path.is_file():
        raise ValueError(f"There is no file {str(path)!r}. Set {DATA_DIR_VARIABLE} to the folder that contains it.")
    return path


class EvaluatorOptions(TypedDict, total=False):
    """The options of all evaluators, which subclasses pass on to `RelationEvaluator`."""

    batch_size: int
    show_progress_bar: bool
    write_csv: bool


class RelationEvaluator(BaseEvaluator):
    """Base class of all evaluators: evaluates a relation-embedding model, logs the metrics and writes them to a file.

    A subclass sets `task` and `columns` and implements `evaluate`. If it also sets `suite` and implements `load`, it
    can be run by name as part of the suite.

    Args:
        name: Prefix of the metrics and part of the CSV file's name.
        batch_size: Number of pairs embedded at a time.
        show_progress_bar: Whether to show the progress of embedding.
        write_csv: Whether to append the metrics to `{task}_evaluation_{name}_results.csv` when called with an output
            path. Characters that no file's name can have are escaped: `relbert/u2` is `relbert%2Fu2`.
    """

    task: ClassVar[str]
    """The name of the task."""
    columns: ClassVar[list[str]]
    """The metrics that go into the CSV file; the first is the primary one."""
    suite: ClassVar[SuiteTask]
    """The sets that can be loaded by name."""

    def __init__(
        self, name: str = "", *, batch_size: int = 64, show_progress_bar: bool = False, write_csv: bool = True
    ) -> None:
        super().__init__()
        self.name = name
        self.batch_size = batch_size
        self.show_progress_bar = show_progress_bar
        self.write_csv = write_csv
        self.csv_file = "_".join(part for part in (self.task, "evaluation", file_name(name), "results.csv") if part)
        self.csv_headers = ["epoch", "steps", *self.columns]
        self.primary_metric = f"{name}_{self.columns[0]}" if name else self.columns[0]

    @abstractmethod
    def evaluate(self, model: SentenceTransformer) -> EvaluationResult:
        """Evaluate a model; `result` builds the result from one score per question."""

    @classmethod
    def load(cls, name: str, **options: Any) -> Self:
        """Create an evaluator for a set by its name.

        Args:
            name: The name of the set.
            **options: Further arguments of the evaluator.

        Raises:
            ValueError: If the set is not available or malformed.
        """
        raise NotImplementedError(f"{cls.__name__} has no sets to load by name.")

    def __call__(  # type: ignore[override]  # as sentence-transformers' own evaluators
        self, model: SentenceTransformer, output_path: str | None = None, epoch: int = -1, steps: int = -1
    ) -> dict[str, float]:
        """Evaluate a model; this is what a trainer calls.

        Args:
            model: A SentenceTransformer that takes pairs.
            output_path: Folder for the CSV file, if any.
            epoch: Epoch to write to the CSV file.
            steps: Steps to write to the CSV file.

        Returns:
            The metrics and extras, by `{name}_{metric}`.
        """
        result = self.evaluate(model)
        figures = result.metrics | result.extras
        logger.info("%s %s: %s %.4f", self.task, self.name, self.columns[0], figures[self.columns[0]])
        if output_path is not None and self.write_csv:
            self._write_csv(output_path, [epoch, steps, *(figures[column] for column in self.columns)])
        # Ties and baselines are not results of the model, so they do not go into the card.
        metrics = self.prefix_name_to_metrics(result.metrics, self.name)
        self.store_metrics_in_model_card_data(model, metrics, epoch, steps)
        return self.prefix_name_to_metrics(figures, self.name)

    def vectors_of(self, model: SentenceTransformer, pairs: Iterable[Pair]) -> PairVectors:
        """Embed pairs, each distinct pair once.

        Raises:
            ValueError: If a vector is not finite.
        """
        return PairVectors.encode(model, pairs, self.batch_size, self.show_progress_bar)

    def result(
        self,
        scores: Mapping[str, Sequence[float]],
        data: object,
        *,
        metrics: Mapping[str, float] | None = None,
        extras: Mapping[str, float] | None = None,
        **details: Any,
    ) -> EvaluationResult:
        """Build a result from one score per question (or other independent unit, such as a problem or a relation).

        Args:
            scores: For each metric, one number per question; the metric is their mean. If the scores of the first
                metric are bools, they are kept so that two models can be compared question by question.
            data: The questions; a digest of them is kept.
            metrics: Further metrics, without an interval.
            extras: Figures that put the metrics into context.
            **details: Anything else to keep, as JSON values; `method` names a scoring method other than the papers'.
        """
        first = list(next(iter(scores.values())))
        return EvaluationResult(
            task=self.task,
            dataset=self.name,
            metrics={name: float(np.mean(values)) for name, values in scores.items()} | dict(metrics or {}),
            count=len(first),
            intervals={name: bootstrap_interval(values) for name, values in scores.items()},
            extras=dict(extras or {}),
            correct=[bool(score) for score in first] if all(isinstance(score, bool) for score in first) else None,
            digest=digest(data),
            details=details,
        )

    def _write_csv(self, output_path: str, row: list[Any]) -> None:
        os.makedirs(output_path, exist_ok=True)
        path = os.path.join(output_path, self.csv_file)
        is_new = not os.path.isfile(path)
        with open(path, mode="a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(self.csv_headers)
            writer.writerow(row)
