"""``st-relbert data``: make training relations."""

from __future__ import annotations

import argparse
from typing import Any

from st_relbert.cli import data_combine, data_wordnet


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "data",
        help="make training relations: of WordNet, or of several sets",
        description="Make training relations, without the pairs of test sets.",
    )
    ways = parser.add_subparsers(dest="way", required=True, metavar="WAY")
    for way in (data_wordnet, data_combine):
        way.add_parser(ways)
