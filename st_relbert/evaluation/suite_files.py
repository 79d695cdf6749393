"""A run of the suite as files: in the layouts of the reference library, and one of our own."""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from st_relbert.evaluation.suite import SuiteReport

_PACKAGES = ("st-relbert", "sentence-transformers", "transformers", "torch", "scikit-learn", "numpy")


def write_suite(folder: Path, report: SuiteReport, model: dict[str, Any]) -> None:
    """Write a report.

    ``analogy.forward.json``, ``classification.json`` and ``relation_mapping.json`` are what the reference library's
    commands write; ``suite.json`` holds everything, with versions and counts. A task without results has no file.

    Args:
        folder: An existing folder.
        report: The report.
        model: What to say about the model: ``model`` (name or path), ``template``, ``aggregation``.
    """
    accuracies = {_analogy_key(result.dataset): result.value for result in report.results if result.task == "analogy"}
    if accuracies:
        _write(folder / "analogy.forward.json", {"distance_function": "cosine_similarity", **model, **accuracies})
    classified = {result.dataset for result in report.results if result.task == "classification"}
    if classified:
        _write(folder / "classification.json", {_hub_name(name): _classified(report, name) for name in classified})
    for result in report.results:
        if result.task == "mapping":
            _write(folder / f"{result.dataset}.json", {"accuracy": result.value, **report.details[result.dataset]})
    _write(
        folder / "suite.json",
        {
            **model,
            "date": str(datetime.now(tz=UTC).date()),
            "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
            **asdict(report),
        },
    )


def _analogy_key(name: str) -> str:
    return name if name == "sat_full" or "/" in name else f"{name}/test"


def _hub_name(name: str) -> str:
    return f"lexical_relation_classification/{name}"


def _classified(report: SuiteReport, name: str) -> dict[str, Any]:
    details = report.details[name]
    metrics = {f"test/{metric}": value for metric, value in details["metrics"].items()}
    return {"classifier_config": details["classifier_config"], **metrics}


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
