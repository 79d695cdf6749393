"""``st-relbert compare``: is one model better than another, on the questions that both answered?"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from st_relbert.cli.results_file import SetResult, read_results


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "compare",
        help="compare two models' answers to the same questions",
        description="McNemar's exact test on the questions that two models answered: how likely is a difference as "
        "large as theirs, if neither is better?",
    )
    for name in ("first", "second"):
        parser.add_argument(
            name, help=f"the {name} model's results, the file or folder that st-relbert evaluate --output wrote"
        )
    parser.set_defaults(run=run, quiet=False)


def run(args: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        ValueError: If a file holds no results, or the two share no question set.
    """
    first, second = (read_results(path) for path in (args.first, args.second))
    shared = [name for name in first if name in second]
    if not shared:
        raise ValueError(
            f"{args.first!r} has the question sets {', '.join(first)} and {args.second!r} has {', '.join(second)}, "
            "expected at least one in common."
        )
    width = max(len("set"), *map(len, shared))
    lines = [f"{'set':<{width}}  questions   first  second  only first right  only second right  p value"]
    for name in shared:
        if first[name].digest != second[name].digest:
            raise ValueError(f"The two files' questions of {name!r} differ. Evaluate both models on the same data.")
        lines.append(_line(name.ljust(width), first[name], second[name]))
    sys.stdout.write("\n".join(lines) + "\n")


def _line(name: str, first: SetResult, second: SetResult) -> str:
    from st_relbert.evaluation import mcnemar

    result = mcnemar(first.correct, second.correct)
    return (
        f"{name}  {len(first.correct):>9,}  {first.accuracy:>6.1%}  {second.accuracy:>6.1%}  "
        f"{result.first_only:>16,}  {result.second_only:>17,}  {result.p_value:>7.2g}"
    )
