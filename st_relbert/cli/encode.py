"""``st-relbert encode``: embed the pairs of a file."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "encode",
        help="embed the pairs of a file",
        description="Embed the pairs of a CSV, TSV, JSON Lines or Parquet file; all columns are kept, and a column "
        "'vector' is added. After an interruption the same command goes on where it stopped.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("model", help="a saved model or a published checkpoint: hub id or folder")
    parser.add_argument("pairs", help="file with a column for the heads and one for the tails")
    parser.add_argument("--output", required=True, help="Parquet file to write")
    parser.add_argument(
        "--columns", nargs=2, default=["head", "tail"], metavar=("HEAD", "TAIL"), help="names of the two columns"
    )
    parser.add_argument("--batch-size", type=int, default=64, help="pairs embedded at a time")
    parser.add_argument(
        "--fast", action="store_true", help="bfloat16 where the processor computes in it: faster, almost as exact"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is at the output")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        ValueError: If the model, the pairs or the output are unusable.
        KeyboardInterrupt: If it was stopped with Ctrl-C.
    """
    from st_relbert import RelBERT
    from st_relbert.encode_file import encode_file
    from st_relbert.files import check_output
    from st_relbert.pair_files import open_pairs

    if not args.output.endswith(".parquet"):
        raise ValueError(f"The output is {args.output!r}, expected a name that ends in .parquet.")
    check_output(args.output, args.overwrite)
    open_pairs(args.pairs, args.columns)
    model = RelBERT(args.model, fast=args.fast)
    bar = not args.quiet
    try:
        count = encode_file(model, args.pairs, args.output, args.columns, args.batch_size, show_progress_bar=bar)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt("Interrupted. The same command goes on from where it stopped.") from interrupt
    sys.stdout.write(f"Saved {count:,} vectors to {args.output}\n")
