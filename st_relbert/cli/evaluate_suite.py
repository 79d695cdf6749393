"""``st-relbert evaluate MODEL --suite relbert``: all sets of the papers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from st_relbert.evaluation import SuiteReport


def run(args: argparse.Namespace) -> None:
    """Run the suite and write its files.

    Raises:
        ValueError: If the model or the output are unusable, or no set can be had.
    """
    from st_relbert import RelBERT
    from st_relbert.evaluation import check_model_folder, run_suite, write_results, write_suite
    from st_relbert.files.outputs import atomic_output, check_output

    if args.output:
        check_output(args.output, args.overwrite, folder_of="suite.json")
    if args.write_card:
        check_model_folder(args.model)
    model = RelBERT(args.model, template=args.template, pooling=args.pooling, reduction="sum")
    report = run_suite(model, args.tasks, args.batch_size, show_progress_bar=not args.quiet)
    if not report.results:
        name, reason = next(iter(report.skipped.items()))
        raise ValueError(f"No set of the suite can be had. Set ST_RELBERT_DATA to a folder with them. {name}: {reason}")
    sys.stdout.write(table(report))
    about = {"model": args.model, "template": model.template, "aggregation": model.pooling}
    if args.output:
        with atomic_output(args.output) as temporary:
            temporary.mkdir()
            write_suite(temporary, report, about)
    if args.write_card:
        write_results(Path(args.model), report.results)


def table(report: SuiteReport) -> str:
    """Lay the figures out, one a line, and name what is left out."""
    width = max(len(result.dataset) for result in report.results)
    lines = [f"{'task':<14}  {'set':<{width}}  {'metric':<16}   value  95 % interval    count"]
    for result in report.results:
        form = "{:.3f}" if result.metric == "spearman" else "{:.1%}"  # a correlation is no share
        value = form.format(result.value)
        interval = " - ".join(map(form.format, result.interval or ()))
        name = f"{result.task:<14}  {result.dataset:<{width}}  {result.metric:<16}"
        lines.append(f"{name}  {value:>6}  {interval:<15}  {result.count:>6,}")
    if report.skipped:
        lines.append(f"Left out, because they cannot be had: {', '.join(report.skipped)}.")
    return "\n".join(lines) + "\n"
