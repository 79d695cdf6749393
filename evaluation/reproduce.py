"""Regenerate a published table, or one of ours: evaluate its models, or train them first.

    python evaluation/reproduce.py main                        # the published weights
    python evaluation/reproduce.py main --train --seeds 0 1 2  # models trained by the published recipes
    python evaluation/reproduce.py minilm

Writes TABLE.csv (mean and spread beside the published figure), TABLE.md and TABLE.json (each run with its settings,
versions and times) after each run; runs that are there already are not done again.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

import transformers

from harness.run import plan, run_row
from harness.summary import as_markdown, read_published, summarise, write_csv
from harness.table import Row, Table, read_table, table_names
from st_relbert.files.outputs import atomic_output

RESULTS = Path(__file__).parent / "results"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status."""
    args = parse(arguments)
    logging.basicConfig(level=logging.WARNING if args.quiet else logging.INFO, format="%(message)s")
    if args.quiet:
        transformers.utils.logging.disable_progress_bar()
    try:
        return reproduce(args)
    except ValueError as error:
        sys.stderr.write(f"reproduce.py: {error}\n")
        return 2


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("table", help=f"{', '.join(table_names())}, or a JSON file of the same make")
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="these rows only")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="seeds of trained rows")
    parser.add_argument("--train", action="store_true", help="train by the recipes of rows that also name weights")
    parser.add_argument("--models", type=Path, metavar="DIR", help="keep trained models here, and use those that are")
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="DIR", help="where the results go")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    return parser.parse_args(arguments)


def reproduce(args: argparse.Namespace) -> int:
    """Do all runs of a table that are not done yet; 1 if one could not be done."""
    table = read_table(args.table)
    args.output.mkdir(parents=True, exist_ok=True)
    record = args.output / f"{table.name}{'-trained' if args.train else ''}.json"
    runs = json.loads(record.read_text(encoding="utf-8"))["runs"] if record.is_file() else []
    failed = []
    for row in chosen_rows(table, args.rows):
        planned = plan(row, table, args.train)
        # Without training only the classifiers depend on the seed, and the published figures are of seed 0.
        for seed in args.seeds if planned["trained"] else [0]:
            if any(done(run, row, seed, planned) for run in runs):
                continue
            logging.info("%s, seed %s", row.name, seed)
            try:
                run = run_row(row, table, seed, args.train, args.models, args.quiet)
            except ValueError as error:
                failed.append(f"Left out {row.name}, seed {seed}: {error}")
                break
            runs = [other for other in runs if (other["row"], other["seed"]) != (row.name, seed)] + [run]
            write(record, table, runs)
    if runs:
        sys.stdout.write(record.with_suffix(".md").read_text(encoding="utf-8"))
    sys.stderr.write("".join(f"{line}\n" for line in failed))
    return 1 if failed else 0


def chosen_rows(table: Table, names: list[str] | None) -> list[Row]:
    """The rows of these names, or all.

    Raises:
        ValueError: If there is no row of a name.
    """
    known = {row.name: row for row in table.rows}
    if unknown := [name for name in names or [] if name not in known]:
        raise ValueError(f"The table {table.name} has no row {unknown[0]!r}, expected {', '.join(known)}.")
    return [known[name] for name in names] if names else table.rows


def done(run: dict[str, Any], row: Row, seed: int, planned: dict[str, Any]) -> bool:
    """Whether a recorded run is what is asked for."""
    return (run["row"], run["seed"], run["plan"]) == (row.name, seed, planned)


def write(record: Path, table: Table, runs: list[dict[str, Any]]) -> None:
    """Write the runs and what is made of them, each file whole or not at all."""
    order = [row.name for row in table.rows]
    runs = sorted(runs, key=lambda run: (order.index(run["row"]) if run["row"] in order else len(order), run["seed"]))
    cells = summarise(runs, read_published({row.name: row.model for row in table.rows if row.model}))
    with atomic_output(record) as temporary:
        temporary.write_text(json.dumps({"title": table.title, "runs": runs}, indent=1) + "\n", encoding="utf-8")
    with atomic_output(record.with_suffix(".csv")) as temporary:
        write_csv(temporary, cells)
    with atomic_output(record.with_suffix(".md")) as temporary:
        temporary.write_text(as_markdown(table.title, cells), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
