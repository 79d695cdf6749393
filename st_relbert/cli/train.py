"""``st-relbert train``: train a relation-embedding model."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from st_relbert.templates import NAMED_TEMPLATES


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "train",
        help="train a model on labelled pairs",
        description="Train a relation-embedding model with InfoNCE, and save it for sentence-transformers.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--base-model", required=True, help="encoder to start from: hub id or folder")
    parser.add_argument(
        "--train-data", required=True, help='relation set: JSON Lines file, folder, hub id, or "starter" (shipped)'
    )
    parser.add_argument("--output", required=True, help="folder for the trained model")
    names = ", ".join(sorted(NAMED_TEMPLATES))
    parser.add_argument("--template", help=f"prompt template: {names}, or a text with <subj>, <obj>, <mask>")
    parser.add_argument("--pooling", help="average_no_mask, average or mask")
    parser.add_argument("--epochs", type=float, default=10, help="passes over the relation set")
    parser.add_argument("--max-steps", type=int, default=-1, help="stop after so many steps (-1: do not)")
    parser.add_argument("--learning-rate", type=float, default=5e-5, help="peak of the learning rate")
    parser.add_argument("--warmup-steps", type=int, default=10, help="steps up to that peak")
    parser.add_argument("--temperature", type=float, default=0.05, help="temperature of the loss")
    parser.add_argument("--relations-per-batch", type=int, default=32, help="1 is the step of the reference library")
    parser.add_argument("--pairs-per-relation", type=int, default=4, help="positive pairs of each relation in a batch")
    parser.add_argument("--negatives-per-relation", type=int, default=1, help="further negatives for each relation")
    parser.add_argument(
        "--mini-batch-size", type=int, help="bound the memory by so many pairs, for batches that do not fit at once"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of batches and dropout")
    parser.add_argument("--bf16", action="store_true", help="compute in bfloat16 (faster on recent CPUs and GPUs)")
    parser.add_argument("--save-steps", type=int, default=100, help="steps between checkpoints")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument("--overwrite", action="store_true", help="replace what is at the output")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        ValueError: If a setting, the encoder, the data or the output are unusable.
        KeyboardInterrupt: If training was stopped with Ctrl-C.
    """
    from st_relbert.training import TrainingInterrupted, TrainingRun

    settings = vars(args).copy()
    for name in ("command", "run", "resume", "overwrite", "quiet"):
        settings.pop(name)
    try:
        TrainingRun(**settings).train(args.resume, args.overwrite, show_progress_bar=not args.quiet)
    except TrainingInterrupted as interrupt:
        raise KeyboardInterrupt(str(interrupt)) from interrupt
    sys.stdout.write(f"Saved {args.output}\n")
