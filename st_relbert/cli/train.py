"""``st-relbert train``: train a relation-embedding model."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import Any

from st_relbert.templates import NAMED_TEMPLATES

_TEMPLATES = ", ".join(sorted(NAMED_TEMPLATES))

# Name, type and explanation of each setting; what it is by default is said by the settings themselves.
_SETTINGS: dict[str, list[tuple[str, type, str]]] = {
    "model and data": [
        ("base_model", str, "encoder to start from: hub id or folder"),
        ("train_data", str, 'relation set: JSON Lines file, folder, hub id, or "starter" (shipped)'),
        ("template", str, f"prompt template: {_TEMPLATES}, or a text with <subj>, <obj>, <mask>"),
        ("pooling", str, "average_no_mask, average or mask"),
        ("max_length", int, "tokens that prompts are cut at (the encoder's limit)"),
    ],
    "objective": [
        ("loss", str, "info_nce, info_loob, triplet or reference_triplet (info_nce)"),
        ("temperature", float, "temperature of info_nce and info_loob (0.05)"),
        ("margin", float, "margin of the triplet losses (1.0)"),
        ("reduction", str, "mean or sum over the terms of the loss (mean)"),
        ("classification_head", bool, "train a three-way classification head along"),
        ("parent_weight", float, "weight of the terms of parent relations, where names are parent/child (0)"),
        ("siblings_as_negatives", bool, "push relations of the same parent apart (yes)"),
    ],
    "optimisation": [
        ("epochs", float, "passes over the relation set (10)"),
        ("max_steps", int, "stop after so many steps (-1: do not)"),
        ("learning_rate", float, "peak of the learning rate (5e-05)"),
        ("schedule", str, "what follows the warm-up: linear (down to zero) or constant (linear)"),
        ("warmup_steps", int, "steps up to the peak (10)"),
        ("max_grad_norm", float, "scale gradients down to this norm; 0: do not (1.0)"),
        ("seed", int, "seed of batches, dropout and validation (0)"),
    ],
    "batches": [
        ("relations_per_batch", int, "relations in a batch; 1 is the step of the reference library (32)"),
        ("pairs_per_relation", int, "positive pairs of each relation in a batch (4)"),
        ("negatives_per_relation", int, "further negatives for each relation (1)"),
        ("size_exponent", float, "weight of relations by size: 1, by their pairs, to 0, each the same (1)"),
        ("mini_batch_size", int, "bound the memory by so many pairs, for batches that do not fit at once"),
        ("bf16", bool, "compute in bfloat16 (faster on recent CPUs and GPUs)"),
        ("activation_checkpointing", bool, "compute activations twice, for large encoders"),
    ],
    "choice of the checkpoint": [
        ("choose_by", str, "keep the best epoch by accuracy (on analogy questions) or loss, or the last (none)"),
        ("validation_data", str, "validation relations (the split validation of the training data)"),
        ("held_out_relations", float, "hold this share of the training relations out to validate on (0)"),
        ("patience", int, "stop when so many epochs have brought no improvement"),
    ],
    "checkpoints and logs": [
        ("save_steps", int, "steps between checkpoints (100)"),
        ("report_to", str, "log to tensorboard, trackio or another integration of the trainer (none)"),
    ],
}
_NO_SETTINGS = ("command", "run", "preset", "resume", "overwrite", "quiet")


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "train",
        help="train a model on labelled pairs",
        description="Train a relation-embedding model, and save it for sentence-transformers. "
        "Defaults are in parentheses; a preset has its own.",
    )
    parser.add_argument("--preset", help="settings to start from: fast, the name of a published model, or a JSON file")
    parser.add_argument("--output", required=True, help="folder for the trained model")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument("--overwrite", action="store_true", help="replace what is at the output")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    for title, settings in _SETTINGS.items():
        group = parser.add_argument_group(title)
        for name, kind, text in settings:
            flag = f"--{name.replace('_', '-')}"
            if kind is bool:
                action = argparse.BooleanOptionalAction
                group.add_argument(flag, action=action, default=argparse.SUPPRESS, help=text)
            else:
                group.add_argument(flag, type=kind, default=argparse.SUPPRESS, help=text)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        ValueError: If a setting, the encoder, the data or the output are unusable.
        KeyboardInterrupt: If training was stopped with Ctrl-C.
    """
    import torch
    from sentence_transformers.util.distributed import get_rank

    from st_relbert.training import TrainingInterrupted, TrainingRun
    from st_relbert.training.settings import read_preset

    settings = read_preset(args.preset) if args.preset else {}
    settings |= {name: value for name, value in vars(args).items() if name not in _NO_SETTINGS}
    for name in ("base_model", "train_data"):
        if name not in settings:
            raise ValueError(f"--{name.replace('_', '-')} is needed: neither an option nor the preset gives it.")
    if not args.quiet:
        logging.getLogger("st_relbert.training").setLevel(logging.INFO)
    try:
        TrainingRun(**settings).train(args.resume, args.overwrite, show_progress_bar=not args.quiet)
    except TrainingInterrupted as interrupt:
        raise KeyboardInterrupt(str(interrupt)) from interrupt
    if get_rank() == 0:
        sys.stdout.write(f"Saved {args.output}\n")
    if torch.distributed.is_initialized():  # the trainer leaves its processes' threads running, which abort at exit
        torch.distributed.destroy_process_group()
