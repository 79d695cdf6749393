"""One run: a row of a table with a seed."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from sklearn.neural_network import MLPClassifier

from harness.choosing import choice_results
from harness.table import Row, Table
from harness.training import Trained, average, resolve, train_row
from st_relbert import RelBERT
from st_relbert.evaluation import run_suite
from st_relbert.evaluation.results import versions

AVERAGED_SEEDS = (0, 1, 2)
CLASSIFIERS = {"grid": "mlp", "linear": "linear"}


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
    if row.average_of:
        source = plan(table.row(row.average_of), table, train=True)
        return {**source, "trained": False, "averaged_seeds": list(AVERAGED_SEEDS)}
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
        models: Folder to keep trained models in, and to take them from; None: do not keep them.
        quiet: Show no progress.

    Raises:
        ValueError: If the weights or the training data cannot be had, or none of the sets.
    """
    planned = plan(row, table, train)
    classifier = MLPClassifier(random_state=seed) if table.classifier == "default" else CLASSIFIERS[table.classifier]
    with tempfile.TemporaryDirectory() as folder:
        trained = _trained(row, table, planned["trained"], seed, models or Path(folder), quiet)
        source = trained.folder if trained else resolve(row.model or "")
        model = RelBERT(source, template=row.template, pooling=row.pooling, reduction="sum")
        started = time.monotonic()
        report = run_suite(model, table.sets, show_progress_bar=not quiet, seed=seed, classifier=classifier)
        held_out = bool(planned.get("data", {}).get("hold_out"))
        results = [*report.rows(), *(choice_results(model, report.rows(), held_out) if table.choosing else [])]
    if not report.results:
        raise ValueError(f"None of the sets can be had: {next(iter(report.skipped.values()))}")
    return {
        "row": row.name,
        "seed": seed,
        "plan": planned,
        "date": str(datetime.now(tz=timezone.utc).date()),
        "machine": machine(),
        "versions": versions(),
        "training_seconds": trained.seconds if trained else None,
        "training_data": trained.data if trained else None,
        "evaluation_seconds": round(time.monotonic() - started, 1),
        "seconds_by_set": report.seconds,
        "pairs": report.pairs,
        "skipped": sorted(report.skipped),
        "results": results,
    }


def _trained(row: Row, table: Table, train: bool, seed: int, folder: Path, quiet: bool) -> Trained | None:
    if row.average_of:
        source = table.row(row.average_of)
        return average([train_row(source, each, folder, quiet) for each in AVERAGED_SEEDS], folder / "average")
    return train_row(row, seed, folder, quiet) if train else None


def machine() -> str:
    """The machine, in words."""
    device = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{platform.machine()}, {os.cpu_count()} CPU cores{device}"
