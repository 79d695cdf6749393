"""Open analogies over a whole vocabulary: how many right words a first stage leaves, and what the model makes of them.

    python benchmarks/find_every_pair.py MODEL SCORER QUESTIONS.jsonl... --output results.json

The questions are (a, b, c, d) of multiple-choice files: the stem and the right choice. The vocabulary is the scorer's
and the words of all questions asked. Nothing is chosen on these questions.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import re
import time
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

from st_relbert import RelBERT, __version__
from st_relbert.data import load_questions
from st_relbert.search import OffsetScorer, PairScorer, Vocabulary
from st_relbert.search.decision import Decision

PARTS = {"1_": "inflectional", "2_": "derivational", "3_": "encyclopedic", "4_": "lexicographic"}
DEPTHS = (1, 10, 50, 200)
SHORTLISTS = (50, 100, 200)


def part_of(prefix: str) -> str:
    """The part of BATS that a question is of."""
    found = re.search(r"/([1-4]_)", prefix or "")
    return PARTS[found[1]] if found else "all"


def sample(file: str, size: int) -> list[tuple[str, dict[str, Any]]]:
    """Some questions of each part of a file, with the part."""
    by_part = defaultdict(list)
    for each in load_questions(file):
        by_part[part_of(each["prefix"])].append(each)
    return [
        (part, each)
        for part, asked in sorted(by_part.items())
        for each in random.Random(0).sample(asked, min(size, len(asked)))
    ]


class FirstStages:
    """What each first stage says of all words; the words' places are found once."""

    def __init__(self, words: Vocabulary, scorer: PairScorer) -> None:
        self._words, self._scorer, self._offset = words, scorer, OffsetScorer()
        self._unit, self._tails = self._offset.tails(words.vectors), scorer.tails(words.vectors)

    def __call__(self, question: tuple[str, str, str]) -> dict[str, Any]:
        """The scores of all words, `(words,)`, by method."""
        a, b, c = (self._words.vectors_of([word]) for word in question)
        first, second, third = self._unit[self._words.rows_of(question)]
        by_first, by_second, by_third = (self._unit @ each for each in (first, second, third))
        offset = second - first
        return {
            "3CosAdd": self._unit @ self._offset.places((a, b), c)[0],
            "3CosMul": (by_second + 1) * (by_third + 1) / (by_first + 1.001),
            "PairDistance": (self._unit @ offset - third @ offset) / np.sqrt(np.maximum(2 - 2 * by_third, 1e-6)),
            "scorer": self._tails @ self._scorer.places((a, b), c)[0],
        }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("scorer")
    parser.add_argument("questions", nargs="+")
    parser.add_argument("--sample", type=int, default=60, help="questions of each part of a file")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    model = RelBERT(arguments.model, fast=True, device="cpu")
    scorer, known = PairScorer.load(arguments.scorer), Vocabulary.load(arguments.scorer)
    asked = [
        (Path(file).parent.name, part, each)
        for file in arguments.questions
        for part, each in sample(file, arguments.sample)
    ]
    of_questions = [
        word for *_, each in asked for pair in (each["stem"], each["choice"][each["answer"]]) for word in pair
    ]
    words = Vocabulary.encode(model, [*known.words, *of_questions], known=known)
    stages = FirstStages(words, scorer)
    places: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    seconds = 0.0
    for name, part, each in asked:
        (a, b), (c, d) = each["stem"], each["choice"][each["answer"]]
        scores = stages((a, b, c))
        barred = words.rows_of([word for word in (a, b, c) if word != d])
        start = time.process_time()
        for values in scores.values():
            values[barred] = -np.inf
        best = np.argsort(-scores["scorer"])[: max(SHORTLISTS)]
        decided = Decision(model, [(a, b)])([(c, words.words[row]) for row in best])
        seconds += time.process_time() - start
        for shortlist in SHORTLISTS:
            rows_of = best[:shortlist]
            alone, both = np.full(len(words), -np.inf), np.full(len(words), -np.inf)
            alone[rows_of] = decided[:shortlist]
            both[rows_of] = (decided[:shortlist] + scores["scorer"][rows_of]) / 2  # as AnalogyCompleter does
            scores |= {f"RelBERT on {shortlist}": alone, f"scorer and RelBERT on {shortlist}": both}
        (answer,) = words.rows_of([d])
        for method, values in scores.items():
            place = int((values > values[answer]).sum()) if np.isfinite(values[answer]) else len(words)
            for group in {"all", part}:
                places[name, group, method].append(place)
    rows = [
        {"questions": name, "part": part, "method": method, "count": len(found)}
        | {f"top {depth}": round(float(np.mean(np.array(found) < depth)), 3) for depth in DEPTHS}
        for (name, part, method), found in sorted(places.items())
    ]
    made_by = {
        "date": date.today().isoformat(),
        "st_relbert": __version__,
        "torch": torch.__version__,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} thread(s)",
        "model": Path(arguments.model).name,
        "vocabulary": len(words),
        "cpu seconds a decided question": round(seconds / len(asked), 2),
    }
    arguments.output.write_text(json.dumps({"made_by": made_by, "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
