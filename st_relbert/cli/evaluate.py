"""``st-relbert evaluate``: score a model by analogy questions."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

_SPLITS = {"train", "test", "validation"}


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "evaluate",
        help="score a model by analogy questions",
        description="Accuracy of a model on analogy questions: the choice with the highest cosine to the stem.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("model", help="a saved model, a published checkpoint or an encoder: hub id or folder")
    parser.add_argument(
        "--analogies",
        required=True,
        nargs="+",
        metavar="SET",
        help="question sets: JSON Lines files, folders, hub ids such as relbert/analogy_questions/u2, or "
        "starter/held_out_pairs and starter/held_out_relations (shipped)",
    )
    parser.add_argument("--template", help="prompt template, for an encoder that RelBERT has not trained")
    parser.add_argument("--pooling", help="pooling, for an encoder that RelBERT has not trained")
    parser.add_argument("--batch-size", type=int, default=64, help="pairs embedded at a time")
    parser.add_argument("--output", help="write the table and each question's prediction to this JSON file")
    parser.add_argument("--overwrite", action="store_true", help="replace what is at the output")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        ValueError: If the model, a question set or the output are unusable.
    """
    from st_relbert import RelBERT
    from st_relbert.evaluation import AnalogyEvaluator, load_questions
    from st_relbert.files import atomic_output, check_output

    if args.output:
        check_output(args.output, args.overwrite)
    evaluators = [
        AnalogyEvaluator(load_questions(name), set_name(name), args.batch_size, show_progress_bar=not args.quiet)
        for name in args.analogies
    ]
    model = RelBERT(args.model, template=args.template, pooling=args.pooling)
    results = []
    for evaluator in evaluators:
        outcomes = evaluator.outcomes(model)
        results.append(
            {
                "set": evaluator.name,
                "questions": len(outcomes),
                "accuracy": sum(outcome.correct for outcome in outcomes) / len(outcomes),
                "ties": sum(outcome.tied for outcome in outcomes),
                "predictions": [outcome.predicted for outcome in outcomes],
            }
        )
    sys.stdout.write(table(results))
    if args.output:
        with atomic_output(args.output) as temporary:
            temporary.write_text(json.dumps({"model": args.model, "results": results}) + "\n", encoding="utf-8")


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
    lines = [f"{'set':<{width}}  questions  accuracy  ties"]
    lines += [
        f"{result['set']:<{width}}  {result['questions']:>9,}  {result['accuracy']:>7.1%}  {result['ties']:>5}"
        for result in results
    ]
    return "\n".join(lines) + "\n"
