"""The results of an evaluation, and the file format they are written in."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from st_relbert.files.outputs import file_name

_PACKAGES = ("st-relbert", "sentence-transformers", "transformers", "torch", "scikit-learn", "numpy")
_REPORT_FILE = "suite.json"


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """The scores of a model on one set.

    Evaluators return results and the suite collects them. The command line, the model card, `st-relbert compare` and
    `st-relbert leakage` read them.

    Args:
        task: The evaluator's task, such as `"analogy"`.
        dataset: The name of the set, such as `"u2"` or `"ROOT09"`.
        metrics: The metrics by name, the primary one first; shares are between 0 and 1.
        count: The number of questions, test pairs, problems or relations that they are computed over.
        intervals: The bounds of the 95 % confidence intervals, for the metrics that have one.
        extras: Figures that put the metrics into context, such as the number of ties or the score of a guess. They do
            not go into model cards.
        correct: Whether each question was answered correctly, if answers are right or wrong.
        digest: A digest of the questions: only results on the same questions can be compared.
        details: Further information, such as predictions, as JSON values.

    Examples:
        >>> result = EvaluationResult(task="analogy", dataset="u2", metrics={"accuracy": 0.4}, count=228)
        >>> next(result.rows())["value"]
        0.4
    """

    task: str
    dataset: str
    metrics: dict[str, float]
    count: int
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    extras: dict[str, float] = field(default_factory=dict)
    correct: list[bool] | None = None
    digest: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def method(self) -> str:
        """The scoring method, such as `"linear"`; empty for the papers' method.

        It is stored in `details`. Do not compare figures of different methods.
        """
        return str(self.details.get("method") or "")

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a flat record per metric: `task`, `dataset`, `metric`, `value`, `count`, `interval` and `method`."""
        for metric, value in self.metrics.items():
            yield {
                "task": self.task,
                "dataset": self.dataset,
                "metric": metric,
                "value": value,
                "count": self.count,
                "interval": self.intervals.get(metric),
                "method": self.method,
            }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> EvaluationResult:
        """Check a record read from a file.

        Raises:
            ValueError: If a value is missing, unknown or of the wrong type.
        """
        known = [each.name for each in fields(cls)]
        if not isinstance(record, Mapping) or set(record) != set(known):
            raise ValueError(f"expected an object with the keys {', '.join(known)}")
        checks = {
            "task": isinstance(record["task"], str),
            "dataset": isinstance(record["dataset"], str),
            "digest": isinstance(record["digest"], str),
            "intervals": isinstance(record["intervals"], Mapping),
            "details": isinstance(record["details"], Mapping),
            "metrics": _are_figures(record["metrics"]) and bool(record["metrics"]),
            "extras": _are_figures(record["extras"]),
            "count": type(record["count"]) is int,
            "correct": record["correct"] is None or _are_answers(record["correct"], record["count"]),
        }
        if wrong := [name for name, is_right in checks.items() if not is_right]:
            raise ValueError(f"unexpected {wrong[0]!r}: {str(record[wrong[0]])[:80]}")
        intervals = {metric: (float(low), float(high)) for metric, (low, high) in record["intervals"].items()}
        return cls(**{**record, "intervals": intervals})


def _are_figures(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(figure, int | float) and not isinstance(figure, bool) and math.isfinite(figure)
        for figure in value.values()
    )


def _are_answers(value: Any, count: int) -> bool:
    return isinstance(value, list) and len(value) == count > 0 and all(isinstance(answer, bool) for answer in value)


@dataclass
class EvaluationReport:
    """The results of a run over several sets.

    Args:
        results: A result for each set.
        skipped: The reason for each set that was left out.
        seconds: The time that each set took.
        pairs: The number of distinct pairs that were encoded.
        seed: The seed of the classifiers.
    """

    results: list[EvaluationResult] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    pairs: int = 0
    seed: int = 0

    def rows(self) -> list[dict[str, Any]]:
        """Return a flat record of each figure; see `EvaluationResult.rows`."""
        return [row for result in self.results for row in result.rows()]


def digest(questions: object) -> str:
    """Return a digest of questions or labelled pairs, so that models are only compared on the same ones.

    The `repr` of the questions must contain everything about them.
    """
    return hashlib.sha256(repr(questions).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of the packages that figures depend on."""
    return {name: importlib.metadata.version(name) for name in _PACKAGES}


def write_report(path: str | os.PathLike[str], report: EvaluationReport, model: Mapping[str, Any]) -> None:
    """Write a report to a JSON file, with the date and the package versions.

    Args:
        path: The file.
        report: The report.
        model: Information about the model: `model` (name or path), `template`, `aggregation`.
    """
    head = {**model, "date": str(datetime.now(tz=timezone.utc).date()), "versions": versions()}
    write_json(path, {**head, **asdict(report)})


def write_report_folder(folder: str | os.PathLike[str], report: EvaluationReport, model: Mapping[str, Any]) -> None:
    """Write a report to `suite.json`, and its figures to the same files as the relbert library's commands.

    These are `analogy.forward.json`, `classification.json` and a file for each relation mapping set. A task without
    results gets no file.

    Args:
        folder: An existing folder.
        report: The report.
        model: See `write_report`.
    """
    analogies: dict[str, Any] = {}
    classified: dict[str, Any] = {}
    for result in report.results:
        name, (value, *_) = result.dataset, result.metrics.values()
        if result.task == "analogy":
            analogies[name if name == "sat_full" or "/" in name else f"{name}/test"] = value
        elif result.task == "classification":
            figures = {f"test/{metric}": figure for metric, figure in {**result.metrics, **result.extras}.items()}
            about = {key: result.details.get(key) for key in ("classifier", "classifier_config")}
            classified[f"lexical_relation_classification/{name}"] = {**about, **figures}
        elif result.task == "mapping":
            write_json(Path(folder, f"{file_name(name)}.json"), {"accuracy": value, **result.details})
    if analogies:
        head = {"distance_function": "cosine_similarity", **model}
        write_json(Path(folder, "analogy.forward.json"), {**head, **analogies})
    if classified:
        write_json(Path(folder, "classification.json"), classified)
    write_report(Path(folder, _REPORT_FILE), report, model)


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write JSON; values that JSON cannot express, such as a classifier inside another one, become text."""
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
    Path(path).write_text(text + "\n", encoding="utf-8")


def read_results(path: str | os.PathLike[str]) -> dict[str, EvaluationResult]:
    """Read the results of a model, by the names of the sets.

    If a set has results of several tasks, each has a name such as `analogy/u2` instead.

    Args:
        path: A file written by `write_report`, or a folder with `suite.json`.

    Raises:
        ValueError: If the file does not exist, contains no results, or contains two of one task on the same set.
    """
    file = Path(path, _REPORT_FILE) if Path(path).is_dir() else Path(path)
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
        records: Sequence[Any] = content["results"] if isinstance(content, dict) else []
        results = [EvaluationResult.from_record(record) for record in records]
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(
            f"{os.fspath(path)!r} contains no results ({type(error).__name__}: {error}), expected the output of "
            "st-relbert evaluate --output. Run it again."
        ) from error
    if not results:
        raise ValueError(f"{os.fspath(path)!r} has an empty list of results. Evaluate the model on at least one set.")
    counts = Counter(result.dataset for result in results)
    by_name: dict[str, EvaluationResult] = {}
    for result in results:
        name = result.dataset if counts[result.dataset] == 1 else f"{result.task}/{result.dataset}"
        if name in by_name:
            raise ValueError(
                f"{os.fspath(path)!r} has two results of the task {result.task!r} on the set {result.dataset!r}, "
                "expected one. Give the evaluators different names."
            )
        by_name[name] = result
    return by_name
