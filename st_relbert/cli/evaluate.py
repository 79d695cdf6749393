"""``st-relbert evaluate``: score a model by analogy questions."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from st_relbert.cli import evaluate_suite

if TYPE_CHECKING:
    from st_relbert.data import AnalogyQuestion
    from st_relbert.evaluation import Outcome

_SPLITS = {"train", "test", "validation"}
_TASKS = ("analogy", "classification", "mapping", "similarity")


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "evaluate",
        help="score a model by analogy questions, or by all sets of the papers",
        description="Accuracy of a model on analogy questions: the choice with the highest cosine to the stem. With "
        "--suite relbert on all sets of the papers that can be had: analogy questions, lexical relation "
        "classification, relation mapping, degrees of relational similarity.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("model", help="a saved model, a published checkpoint or an encoder: hub id or folder")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--suite", choices=["relbert"], help="all sets of the papers, from the hub or $ST_RELBERT_DATA")
    what.add_argument(
        "--analogies",
        nargs="+",
        metavar="SET",
        help="question sets: JSON Lines files, folders, hub ids such as relbert/analogy_questions/u2, or "
        "starter/held_out_pairs and starter/held_out_relations (shipped)",
    )
    parser.add_argument("--template", help="prompt template, for an encoder that RelBERT has not trained")
    parser.add_argument("--pooling", help="pooling, for an encoder that RelBERT has not trained")
    parser.add_argument("--batch-size", type=int, default=64, help="pairs embedded at a time")
    parser.add_argument("--tasks", nargs="+", default=list(_TASKS), help="tasks of the suite")
    parser.add_argument("--write-card", action="store_true", help="write the suite's results into the model's card")
    parser.add_argument(
        "--output", help="write the results to this JSON file; with --suite to this folder, one file a task"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is at the output")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        ValueError: If the model, a question set or the output are unusable.
    """
    if args.suite:
        evaluate_suite.run(args)
        return
    if args.write_card:
        raise ValueError("--write-card writes the suite's results. Add --suite relbert, in place of --analogies.")
    from st_relbert import RelBERT
    from st_relbert.evaluation import AnalogyEvaluator
    from st_relbert.files.outputs import atomic_output, check_output

    if args.output:
        check_output(args.output, args.overwrite)
    evaluator = AnalogyEvaluator(
        _load_sets(args.analogies), batch_size=args.batch_size, show_progress_bar=not args.quiet
    )
    model = RelBERT(args.model, template=args.template, pooling=args.pooling)
    results = [
        _result(name, evaluator.sets[name], outcomes) for name, outcomes in evaluator.outcomes_by_set(model).items()
    ]
    sys.stdout.write(table(results))
    if args.output:
        with atomic_output(args.output) as temporary:
            temporary.write_text(json.dumps({"model": args.model, "results": results}) + "\n", encoding="utf-8")


def _load_sets(names: list[str]) -> dict[str, Any]:
    from st_relbert.data import load_questions

    sets: dict[str, Any] = {}
    for name in names:
        if set_name(name) in sets:
            raise ValueError(
                f"Two question sets would be called {set_name(name)!r}. Leave one out, or rename its file."
            )
        sets[set_name(name)] = load_questions(name)
    return sets


def _result(name: str, questions: list[AnalogyQuestion], outcomes: list[Outcome]) -> dict[str, Any]:
    from st_relbert.evaluation import bootstrap_interval
    from st_relbert.evaluation.base import digest

    correct = [outcome.correct for outcome in outcomes]
    low, high = bootstrap_interval(correct)
    return {
        "set": name,
        "questions": len(outcomes),
        "accuracy": sum(correct) / len(correct),
        "interval": [low, high],
        "ties": sum(outcome.tied for outcome in outcomes),
        "predictions": [outcome.predicted for outcome in outcomes],
        "correct": correct,
        "digest": digest(questions),
    }


def set_name(name: str) -> str:
    """What to call a question set: ``u2`` for ``data/u2``, ``data/u2/test.jsonl`` and ``data/u2.jsonl``.

    >>> set_name("data/u2"), set_name("data/u2/test.jsonl"), set_name("data/u2.jsonl")
    ('u2', 'u2', 'u2')
    """
    path = Path(os.path.normpath(name))
    if path.suffix != ".jsonl":
        return path.name
    return path.parent.name if path.stem in _SPLITS and path.parent.name else path.stem


def table(results: list[dict[str, Any]]) -> str:
    """Lay results out, one question set a line."""
    width = max(len("set"), *(len(result["set"]) for result in results))
    lines = [f"{'set':<{width}}  questions  accuracy  95 % interval   ties"]
    for result in results:
        low, high = result["interval"]
        figures = f"{result['questions']:>9,}  {result['accuracy']:>7.1%}   {low:>5.1%} - {high:>5.1%}"
        lines.append(f"{result['set']:<{width}}  {figures}  {result['ties']:>5}")
    return "\n".join(lines) + "\n"
