"""Is one model better than another? Accuracy with intervals, McNemar's test, and leakage from training.

python examples/compare_models.py sentence-transformers/all-MiniLM-L6-v2 relbert-nce
"""

from __future__ import annotations

import argparse

from st_relbert import RelBERT
from st_relbert.data import RelationSet, find_leakage
from st_relbert.evaluation import AnalogyEvaluator, bootstrap_interval, load_questions, mcnemar


def main(arguments: list[str] | None = None) -> None:
    """Compare two models on the shipped questions."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("models", nargs=2, help="two models: hub ids or folders")
    args = parser.parse_args(arguments)
    for name in ("held_out_pairs", "held_out_relations"):
        questions = load_questions(f"starter/{name}")
        evaluator = AnalogyEvaluator(questions, name)
        print(f"\n{len(questions)} questions of {name}")
        correct = []
        for model in args.models:
            correct.append([outcome.correct for outcome in evaluator.outcomes(RelBERT(model))])
            low, high = bootstrap_interval(correct[-1])
            print(f"  {model}: {sum(correct[-1]) / len(questions):.1%} [{low:.1%}, {high:.1%}]")
        test = mcnemar(*correct)
        print(f"  right by one alone: {test.first_only} and {test.second_only}, p = {test.p_value:.2g}")
        report = find_leakage(questions, RelationSet.load("starter").positives)
        print(f"  {len(report.overlapping)} of them contain a pair of the starter relations")


if __name__ == "__main__":
    main()
