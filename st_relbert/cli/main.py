"""Entry point: parse the command, run it, turn errors into one line."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from st_relbert import __version__
from st_relbert.cli import app, compare, complete, data, encode, evaluate, index, leakage, map, train
from st_relbert.environment import MissingExtraError

INTERRUPTED = 130  # what shells report for a command that Ctrl-C ended


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(prog="st-relbert", description="Relation embeddings of word pairs.")
    parser.add_argument("--version", action="version", version=f"st-relbert {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (train, evaluate, compare, leakage, data, encode, index, complete, app, map):
        command.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The arguments; None: those of the process.

    Returns:
        The exit status: 0; 2 for bad input, with one line that says what is wrong; 130 after Ctrl-C.
    """
    args = build_parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    if args.quiet:
        # Read when transformers is imported, which is why it is not a call to its function for this.
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    try:
        args.run(args)
    except (ValueError, OSError, MissingExtraError) as error:
        return _fail(args.command, str(error), 2)
    except KeyboardInterrupt as interrupt:
        return _fail(args.command, str(interrupt) or "Interrupted.", INTERRUPTED)
    return 0


def _fail(command: str, message: str, status: int) -> int:
    line = " ".join(message.split())
    sys.stderr.write(f"st-relbert {command}: {line}\n")
    return status
