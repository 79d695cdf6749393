"""``st-relbert encode``: embed the pairs of a file."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "encode",
        help="embed the pairs of files",
        description="Embed the pairs of CSV, TSV, JSON Lines or Parquet files; all columns are kept, and a column "
        "'vector' is added. After an interruption the same command goes on where it stopped.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("model", help="a saved model or a published checkpoint: hub id or folder")
    parser.add_argument(
        "pairs", nargs="+", help="files with a column for the heads and one for the tails: paths or URIs (s3://...)"
    )
    parser.add_argument(
        "--output",
        required=True,
        help="NAME.parquet, NAME.lance (a Lance table), or a folder for Parquet files: path or URI",
    )
    parser.add_argument(
        "--columns", nargs=2, default=["head", "tail"], metavar=("HEAD", "TAIL"), help="names of the two columns"
    )
    parser.add_argument("--batch-size", type=int, default=64, help="pairs embedded at a time")
    parser.add_argument(
        "--fast", action="store_true", help="bfloat16 where the processor computes in it: faster, almost as exact"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file or table at the output")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    scale = parser.add_argument_group("scale")
    scale.add_argument(
        "--engine",
        choices=["one", "processes", "ray"],
        default="one",
        help="this process; a pool of processes on this machine; or a Ray cluster (RAY_ADDRESS, or this machine)",
    )
    scale.add_argument("--workers", type=int, help="number of processes or Ray workers; None: as many as fit")
    scale.add_argument("--cpus", type=float, default=1, help="CPUs of each Ray worker")
    scale.add_argument("--gpus", type=float, default=0, help="GPUs of each Ray worker")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        ValueError: If the model, the pairs or the output are unusable.
        MissingExtraError: If Ray or LanceDB are needed and not installed.
        KeyboardInterrupt: If it was stopped with Ctrl-C.
    """
    from st_relbert import RelBERT
    from st_relbert.encoding import Workers, encode_files

    model = RelBERT(args.model, fast=args.fast)
    workers = Workers(args.workers, args.cpus, args.gpus)
    try:
        count = encode_files(
            model,
            args.pairs,
            args.output,
            args.columns,
            args.batch_size,
            args.engine,
            workers,
            args.overwrite,
            show_progress_bar=not args.quiet,
        )
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt("Interrupted. The same command goes on from where it stopped.") from interrupt
    sys.stdout.write(f"Saved {count:,} vectors to {args.output}\n")
