"""What settings are chosen by, beside question sets: held-out relations, and pairs of the right words."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.training_data import HELD_OUT, SEMEVAL
from st_relbert import RelBERT
from st_relbert.data import RelationSet
from st_relbert.evaluation import AnalogyEvaluator, load_questions
from st_relbert.pairs import Pair
from st_relbert.training import validation_questions

MISMATCHED = "starter/held_out_relations"


def choice_results(model: RelBERT, results: Sequence[dict[str, Any]], held_out: bool) -> list[dict[str, Any]]:
    """The accuracies on both, and the mean of these and of the accuracies on the sets of a table.

    Args:
        model: The model.
        results: The accuracies on the sets of the table.
        held_out: Whether the relations were held out; if not, there are no questions about them.

    Raises:
        ValueError: If SemEval-2012 cannot be had.
    """
    sets = {f"{MISMATCHED}, mismatched": mismatched_questions(load_questions(MISMATCHED))}
    if held_out:
        sets["semeval2012/held_out"] = validation_questions(RelationSet.load(SEMEVAL, "train").subset(HELD_OUT))
    more = [row for name, of_set in sets.items() for row in AnalogyEvaluator(of_set, name).evaluate(model).rows()]
    values = [result["value"] for result in (*results, *more)]
    mean = {"task": "analogy", "dataset": "mean", "metric": "accuracy", "value": float(np.mean(values))}
    return [*more, {**mean, "count": len(values), "interval": None}]


def mismatched_questions(questions: Sequence[dict[str, Any]], seed: int = 0) -> list[dict[str, Any]]:
    """The same stems with wrong choices of the right words, as the Google and BATS questions have them.

    The right choice is the next pair of the stem's relation. The wrong ones are two heads of the relation, two tails
    of it, and a pair of another relation.

    Args:
        questions: Analogy questions, of whose stems these are made.
        seed: Decides the wrong choices and the order.
    """
    rng = random.Random(seed)
    pairs: dict[str, list[Pair]] = {}
    for question in questions:
        pairs.setdefault(question["prefix"], []).append(tuple(question["stem"]))
    made = []
    for name, of_name in pairs.items():
        for place, stem in enumerate(of_name):
            answer = of_name[(place + 1) % len(of_name)]
            heads, tails = zip(*(pair for pair in of_name if pair not in (stem, answer)), strict=True)
            other = rng.choice(pairs[rng.choice([other for other in pairs if other != name])])
            wrong = [_two(heads, rng), _two(tails, rng), other]
            choices = [answer, *(pair for pair in wrong if pair)]
            rng.shuffle(choices)
            made.append({"stem": stem, "choice": choices, "answer": choices.index(answer), "prefix": name})
    return made


def _two(words: Sequence[str], rng: random.Random) -> Pair | None:
    """Two different words, if there are any."""
    distinct = sorted(set(words))
    if len(distinct) < 2:
        return None
    one, other = rng.sample(distinct, 2)
    return one, other
