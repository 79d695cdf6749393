"""Analogy questions made of a relation set, to choose checkpoints by."""

from __future__ import annotations

import random
from typing import Any

from st_relbert.pairs import Pair
from st_relbert.training.relation_set import RelationSet


def validation_questions(relations: RelationSet, seed: int = 0, choices: int = 10) -> list[dict[str, Any]]:
    """Make analogy questions of a relation set.

    One for each pair of a relation that has several: the pair is the stem, the relation's next pair the right choice
    (after the last comes the first). The wrong choices are up to half from the relation's own negatives, the others
    one each from other relations, drawn at random. A pair that stands under the stem's relation is no wrong choice.

    Args:
        relations: The relations, of a validation split.
        seed: Decides the wrong choices and the order of all.
        choices: How many choices a question has, fewer where there are not enough relations.

    Returns:
        Records with ``stem``, ``choice``, ``answer`` and ``prefix`` (the relation).

    Raises:
        ValueError: If no relation has two pairs.

    Example:
        >>> relations = RelationSet.load("starter", "validation")
        >>> questions = validation_questions(relations)
        >>> len(questions), len(questions[0]["choice"])
        (478, 10)
    """
    rng = random.Random(seed)
    questions = []
    for name, pairs in relations.positives.items():
        for index, stem in enumerate(pairs if len(pairs) > 1 else []):
            answer = pairs[(index + 1) % len(pairs)]
            options = [answer, *_wrong_choices(relations, name, choices - 1, rng)]
            rng.shuffle(options)
            question = {"stem": stem, "choice": options, "answer": options.index(answer), "prefix": name}
            questions.append(question)
    if not questions:
        raise ValueError("No relation of the validation set has two pairs, so it makes no questions. Choose by 'loss'.")
    return questions


def _wrong_choices(relations: RelationSet, name: str, count: int, rng: random.Random) -> list[Pair]:
    right = set(relations.positives[name])
    own = [pair for pair in relations.negatives[name] if pair not in right]
    wrong = dict.fromkeys(rng.sample(own, min(len(own), count // 2)))
    others = [other for other in relations.names if other != name]
    for other in rng.sample(others, len(others)):
        if len(wrong) >= count:
            break
        pair = rng.choice(relations.positives[other])
        if pair not in right:
            wrong.setdefault(pair)
    return list(wrong)
