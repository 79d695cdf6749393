"""``st-relbert data combine``: several relation sets in one."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from st_relbert.data.combine import Combination


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "combine",
        help="several relation sets in one",
        description="Put relation sets together; relations of the same name become one. Pairs that stand in test sets "
        "are left out, in either direction and whatever upper and lower case.",
    )
    parser.add_argument(
        "sets",
        nargs="+",
        metavar="SET",
        help='relation sets, as `train` takes them: JSON Lines files, folders, hub ids, or "starter" (shipped)',
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="FILE",
        help="relation set to write, in JSON Lines; its figures go to a file .report.json beside it",
    )
    parser.add_argument(
        "--exclude",
        nargs="+",
        default=[],
        metavar="SET",
        help="test sets whose pairs are left out: JSON Lines files, hub ids, or folders, of which all sets are taken "
        "that are not called train.jsonl",
    )
    parser.add_argument(
        "--mismatches",
        action="store_true",
        help="add negatives of each relation's own words: two heads, two tails, a head and another's tail",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is at the output")
    parser.add_argument("--quiet", action="store_true", help="no progress bars of downloads")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        ValueError: If a relation set, a test set or the output is unusable.
    """
    from st_relbert.cli.relation_file import check_relation_file, write_relation_file
    from st_relbert.data import RelationSet, combine_relations
    from st_relbert.data.combine import PairExclusion
    from st_relbert.data.leakage import benchmark_pairs

    check_relation_file(args.output, args.overwrite)
    sets = [RelationSet.load(name) for name in args.sets]
    combination = combine_relations(sets, PairExclusion(benchmark_pairs(args.exclude)), args.mismatches)
    report = {"sets": args.sets, "mismatches": args.mismatches, **combination.report()}
    written = write_relation_file(args.output, combination.relations, report)
    sys.stdout.write(f"{summary(combination)}Saved {written}\n")


def summary(combination: Combination) -> str:
    """Say what is in the set, and how many pairs were left out by test set."""
    from st_relbert.cli.relation_file import table_of_dropped

    lines = []
    if combination.dropped:
        lines = [*table_of_dropped(combination.dropped, combination.dropped_in_all, combination.pairs), ""]
    return "\n".join([*lines, f"{combination.relations}"]) + "\n"
