"""``st-relbert data wordnet``: make training relations of WordNet."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from st_relbert.wordnet import RelationBuild

_SHIPPED_TESTS = ("starter/held_out_pairs", "starter/held_out_relations")


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    wordnet: argparse.ArgumentParser = commands.add_parser(
        "wordnet",
        help="relations of WordNet 3.0",
        description="Make a relation set of WordNet 3.0: hypernymy, instances, holonymy, attributes, entailment, "
        "cause, antonymy, derivation, pertainyms and inflection. Pairs that stand in test sets are left out, in either "
        "direction and whatever upper and lower case. Needs pip install st-relbert[wordnet] and WordNet's files "
        "(Debian and Ubuntu: apt-get install wordnet-base).",
    )
    wordnet.add_argument(
        "--wordnet",
        metavar="FOLDER",
        help="the folder with WordNet's files (that of Debian's package, /usr/share/wordnet)",
    )
    wordnet.add_argument(
        "--output",
        required=True,
        metavar="FILE",
        help="relation set to write, in JSON Lines; its figures go to a file .report.json beside it",
    )
    wordnet.add_argument(
        "--min-count", type=int, default=1, help="how often a word has to occur in SemCor; names need not (1)"
    )
    wordnet.add_argument(
        "--pairs-per-relation", type=int, default=200, metavar="N", help="sample this many of a larger relation (200)"
    )
    wordnet.add_argument("--min-pairs", type=int, default=5, help="leave smaller relations out (5)")
    wordnet.add_argument("--seed", type=int, default=0, help="decides which pairs are sampled (0)")
    wordnet.add_argument(
        "--exclude",
        nargs="*",
        metavar="SET",
        help="test sets whose pairs are left out: JSON Lines files, hub ids, or folders, of which all sets are taken "
        "that are not called train.jsonl (the shipped questions and, if set, $ST_RELBERT_DATA; nothing after "
        "--exclude: leave no pair out)",
    )
    wordnet.add_argument("--overwrite", action="store_true", help="replace what is at the output")
    wordnet.add_argument("--quiet", action="store_true", help="no progress bars")
    wordnet.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        ValueError: If WordNet, a test set, a number or the output is unusable.
        MissingExtraError: If NLTK is not installed.
    """
    from st_relbert.cli.relation_file import check_relation_file, write_relation_file
    from st_relbert.data.leakage import benchmark_pairs
    from st_relbert.wordnet import DEBIAN_FOLDER, WordNet, build_relations

    check_relation_file(args.output, args.overwrite)
    exclude = benchmark_pairs(_default_tests() if args.exclude is None else args.exclude)
    build = build_relations(
        WordNet.read(args.wordnet or DEBIAN_FOLDER, show_progress_bar=not args.quiet),
        min_count=args.min_count,
        pairs_per_relation=args.pairs_per_relation,
        min_pairs=args.min_pairs,
        exclude=exclude,
        seed=args.seed,
    )
    settings = {name: getattr(args, name) for name in ("min_count", "pairs_per_relation", "min_pairs", "seed")}
    written = write_relation_file(args.output, build.relations, {**settings, **build.report()})
    sys.stdout.write(f"{summary(build)}Saved {written}\n")


def summary(build: RelationBuild) -> str:
    """Lay the figures out: relations by parent, and the pairs left out by test set."""
    from st_relbert.cli.relation_file import table_of_dropped

    figures = build.report()
    width = max(map(len, ["test set", *figures["parents"], *build.dropped]))
    lines = [f"{'parent':<{width}}  relations  pairs"]
    for name, of_parent in figures["parents"].items():
        lines.append(f"{name:<{width}}  {of_parent['relations']:>9,}  {of_parent['positives']:>5,}")
    lines += ["", *table_of_dropped(build.dropped, build.dropped_in_all, build.candidates, width)]
    return "\n".join([*lines, "", f"{build.relations}"]) + "\n"


def _default_tests() -> list[str]:
    from st_relbert.data.sources import DATA_DIR_VARIABLE

    folder = os.environ.get(DATA_DIR_VARIABLE)
    return [*_SHIPPED_TESTS, *([folder] if folder else [])]
