"""Open analogies over a whole vocabulary: how many right words a first stage leaves, and what the model makes of them.

    python benchmarks/find_every_pair.py MODEL SCORER QUESTIONS.jsonl... --output results.json

The questions are (a, b, c, d) of multiple-choice files: the stem and the right choice. The vocabulary is the scorer's
and the words of the question. Nothing is chosen on these questions.
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


def part_of(prefix: str) -> str:
    """The part of BATS that a question is of."""
    found = re.search(r"/([1-4]_)", prefix or "")
    return PARTS[found[1]] if found else "all"


def scores_of(words: Vocabulary, scorer: PairScorer, question: tuple[str, str, str]) -> dict[str, Any]:
    """What each first stage says of all words, `(words,)`."""
    a, b, c = (words.vectors_of([word]) for word in question)
    offset = OffsetScorer()
    unit = offset.tails(words.vectors)
    first, second, third = (offset.tails(each)[0] for each in (a, b, c))
    gaps = unit - third
    gaps /= np.linalg.norm(gaps, axis=1, keepdims=True) + 1e-9
    return {
        "3CosAdd": unit @ offset.places((a, b), c)[0],
        "3CosMul": (unit @ second + 1) * (unit @ third + 1) / (unit @ first + 1.001),
        "PairDistance": gaps @ (second - first),
        "scorer": scorer.tails(words.vectors) @ scorer.places((a, b), c)[0],
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("scorer")
    parser.add_argument("questions", nargs="+")
    parser.add_argument("--sample", type=int, default=150, help="questions of each file")
    parser.add_argument("--decided", type=int, default=150, help="questions of each file that the model decides too")
    parser.add_argument("--shortlist", type=int, default=200)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    model = RelBERT(arguments.model, fast=True, device="cpu")
    scorer, known = PairScorer.load(arguments.scorer), Vocabulary.load(arguments.scorer)
    places: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    seconds: dict[str, float] = defaultdict(float)
    for file in arguments.questions:
        name = Path(file).parent.name
        asked = load_questions(file)
        for number, each in enumerate(random.Random(0).sample(asked, min(arguments.sample, len(asked)))):
            (a, b), (c, d) = each["stem"], each["choice"][each["answer"]]
            words = Vocabulary.encode(model, [*known.words, a, b, c, d], known=known)
            scores = scores_of(words, scorer, (a, b, c))
            barred = words.rows_of([word for word in (a, b, c) if word != d])
            if number < arguments.decided:
                start = time.process_time()
                shortlist = scores["scorer"].copy()
                shortlist[barred] = -np.inf
                best = np.argsort(-shortlist)[: arguments.shortlist]
                decided = np.full(len(words), -np.inf)
                decided[best] = Decision(model, [(a, b)])([(c, words.words[row]) for row in best])
                seconds["deciding"] += time.process_time() - start
                scores["RelBERT"] = decided
                scores["scorer and RelBERT"] = (decided + scores["scorer"]) / 2  # as AnalogyCompleter does
            (answer,) = words.rows_of([d])
            for method, values in scores.items():
                values[barred] = -np.inf
                place = int((values > values[answer]).sum()) if np.isfinite(values[answer]) else len(words)
                for part in {"all", part_of(each["prefix"])}:
                    places[name, part, method].append(place)
    rows = [
        {"questions": name, "part": part, "method": method, "count": len(found)}
        | {f"top {depth}": round(float(np.mean(np.array(found) < depth)), 3) for depth in DEPTHS}
        for (name, part, method), found in sorted(places.items())
    ]
    decided_count = len(arguments.questions) * arguments.decided
    made_by = {
        "date": date.today().isoformat(),
        "st_relbert": __version__,
        "torch": torch.__version__,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} thread(s)",
        "model": Path(arguments.model).name,
        "vocabulary": len(known),
        "shortlist": arguments.shortlist,
        "cpu seconds a decided question": round(seconds["deciding"] / max(decided_count, 1), 2),
    }
    arguments.output.write_text(json.dumps({"made_by": made_by, "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
