"""``st-relbert leakage``: which questions hold pairs that a model was trained on, and its scores without them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from st_relbert.cli.evaluate import set_name
from st_relbert.cli.results_file import read_results

if TYPE_CHECKING:
    from st_relbert.data.leakage import LeakageReport
    from st_relbert.pairs import Pair

_SCORES = {
    "all": "all questions",
    "without_overlap": "without those whose stem or answer is a training pair",
    "without_shared_analogies": "without shared analogies",
}


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "leakage",
        help="find the training pairs in analogy questions",
        description="Count the questions whose stem, right answer or any choice is a training pair: as it is, with "
        "head and tail swapped, and folded (one or the other, whatever upper and lower case and white space). In a "
        "shared analogy stem and right answer are both positives of the same training relation.",
    )
    parser.add_argument(
        "--train",
        required=True,
        nargs="+",
        metavar="SET",
        help='relation sets, as `train` takes them: JSON Lines files, folders, hub ids, or "starter" (shipped); '
        "relations of the same name are put together",
    )
    parser.add_argument(
        "--test", required=True, nargs="+", metavar="SET", help="question sets, as `evaluate --analogies` takes them"
    )
    parser.add_argument(
        "--results", metavar="PATH", help="what `evaluate --output` wrote: give its scores without the leaked questions"
    )
    parser.add_argument("--output", metavar="FILE", help="write counts and rows of the questions to this JSON file")
    parser.add_argument("--overwrite", action="store_true", help="replace what is at the output")
    parser.add_argument("--quiet", action="store_true", help="no progress bars of downloads")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        ValueError: If a relation set, a question set, the results or the output are unusable.
    """
    from st_relbert.data import load_questions
    from st_relbert.data.leakage import find_leakages
    from st_relbert.files.outputs import atomic_output, check_output

    if args.output:
        check_output(args.output, args.overwrite)
    names = [set_name(path) for path in args.test]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"Two test sets are called {repeated[0]!r}. Give them in commands of their own.")
    sets = {name: load_questions(path) for name, path in zip(names, args.test, strict=True)}
    correct = _correct(args.results, sets) if args.results else {}
    reports = find_leakages(sets, *_training_pairs(args.train))
    scores = {name: reports[name].scores(of_set) for name, of_set in correct.items()}
    sys.stdout.write(table(reports))
    if scores:
        sys.stdout.write("\n" + score_table(scores))
    if args.output:
        results = [_as_json(name, report, scores.get(name)) for name, report in reports.items()]
        with atomic_output(args.output) as temporary:
            temporary.write_text(json.dumps({"train": args.train, "results": results}) + "\n", encoding="utf-8")


def _correct(path: str, sets: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[bool]]:
    """Which questions of each set a model answered rightly."""
    from st_relbert.data.questions import as_questions
    from st_relbert.evaluation.base import digest

    results = read_results(path)
    for name, questions in sets.items():
        if name not in results:
            raise ValueError(f"{path!r} has no results of the set {name!r} (it has: {', '.join(results)}).")
        if results[name].digest != digest(as_questions(questions)):
            raise ValueError(f"The results of {name!r} in {path!r} are of other questions. Evaluate on the same data.")
    return {name: results[name].correct for name in sets}


def table(reports: Mapping[str, LeakageReport]) -> str:
    """Lay reports out: counts and shares of questions, by set, part of the question and form of the pair."""
    from st_relbert.data.leakage import FORMS, PARTS, SHARED_ANALOGY, kind_name

    width = max(map(len, ["set", *reports]))
    lines = [f"{'set':<{width}}  questions  trained as  {'part':<14}" + "".join(f"{form:>17}" for form in FORMS)]
    for name, report in reports.items():
        start = f"{name:<{width}}  {report.questions:>9,}"
        for label in ("positive", "negative"):
            for part in PARTS:
                cells = "".join(_cell(report, kind_name(label, part, form)) for form in FORMS)
                lines.append(f"{start}  {label:<10}  {part.replace('_', ' '):<14}{cells}")
        # Counted in any form, which is what "folded" means.
        lines.append(f"{start}  {'positive':<10}  {'shared analogy':<14}{'':34}{_cell(report, SHARED_ANALOGY)}")
    return "\n".join(lines) + "\n"


def score_table(scores: Mapping[str, Mapping[str, tuple[int, float | None]]]) -> str:
    """Lay scores out, three lines a set; see :meth:`LeakageReport.scores`."""
    width = max(map(len, ["set", *scores]))
    lines = [f"{'set':<{width}}  questions  accuracy"]
    for name, of_set in scores.items():
        for kind, (count, accuracy) in of_set.items():
            shown = "none" if accuracy is None else f"{accuracy:.1%}"
            lines.append(f"{name:<{width}}  {count:>9,}  {shown:>8}  {_SCORES[kind]}")
    return "\n".join(lines) + "\n"


def _cell(report: LeakageReport, kind: str) -> str:
    return f"{len(report.rows[kind]):>8,} {f'({report.share(kind):.1%})':>8}"


def _training_pairs(names: list[str]) -> tuple[dict[str, list[Pair]], dict[str, list[Pair]]]:
    """The positives and negatives of several relation sets by relation."""
    from st_relbert.data.relation_set import RelationSet

    positives: dict[str, list[Pair]] = {}
    negatives: dict[str, list[Pair]] = {}
    for relations in map(RelationSet.load, names):
        for merged, of_set in ((positives, relations.positives), (negatives, relations.negatives)):
            for relation, pairs in of_set.items():
                # Two splits of one data set share their relations: rather an analogy too many than one missed.
                merged.setdefault(relation, []).extend(pairs)
    return positives, negatives


def _as_json(name: str, report: LeakageReport, scores: Mapping[str, tuple[int, float | None]] | None) -> dict[str, Any]:
    kinds = {
        kind: {"count": len(rows), "share": report.share(kind), "rows": rows} for kind, rows in report.rows.items()
    }
    result: dict[str, Any] = {"set": name, "questions": report.questions, "kinds": kinds}
    if scores is not None:
        result["scores"] = {kind: {"questions": count, "accuracy": value} for kind, (count, value) in scores.items()}
    return result
