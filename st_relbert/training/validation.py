"""Pairs that are not trained on: to choose a checkpoint by, and to report what training did."""

from __future__ import annotations

import os
import random
from typing import Any

from st_relbert.data.combine import PairExclusion, with_mismatches
from st_relbert.data.relation_set import RelationSet
from st_relbert.evaluation import AnalogyEvaluator
from st_relbert.pairs import Pair
from st_relbert.training.settings import TrainingSettings

_MOST_QUESTIONS = 500


def load_data(settings: TrainingSettings) -> tuple[RelationSet, RelationSet | None]:
    """The relations to train on, and those to validate on if a checkpoint is to be chosen."""
    relations, validation = _load_relations(settings)
    if settings.mismatches:
        held_out = validation or _validation_split(settings)
        tests = {"validation": [pair for pairs in held_out.positives.values() for pair in pairs]} if held_out else {}
        relations = with_mismatches(relations, PairExclusion(tests), settings.seed)
    return relations, validation


def _load_relations(settings: TrainingSettings) -> tuple[RelationSet, RelationSet | None]:
    relations = RelationSet.load(settings.train_data, "train")
    if settings.choose_by == "none":
        return relations, None
    if settings.held_out_relations:
        return relations.hold_out(settings.held_out_relations, settings.seed)
    if settings.validation_data is None and os.path.isfile(settings.train_data):
        raise ValueError(
            f"choose_by needs validation relations, and the file {settings.train_data!r} has no splits. Name them by "
            "validation_data, or hold relations out by held_out_relations."
        )
    return relations, RelationSet.load(settings.validation_data or settings.train_data, "validation")


def _validation_split(settings: TrainingSettings) -> RelationSet | None:
    """The split `validation` of the training data; None if there is none."""
    if os.path.isfile(settings.train_data):
        return None
    try:
        return RelationSet.load(settings.train_data, "validation")
    except ValueError:
        return None


def validation_questions(relations: RelationSet, seed: int = 0, choices: int = 10) -> list[dict[str, Any]]:
    """Make analogy questions of a relation set.

    There is one for each pair of a relation that has several: the pair is the stem, and the relation's next pair (after
    the last, the first) the right choice. Up to half of the wrong choices are the relation's own negatives, the others
    pairs of other relations, one of each, drawn at random. No pair of the stem's relation is a wrong choice.

    Args:
        relations: The relations, of a validation split.
        seed: Decides the wrong choices and the order of all choices.
        choices: How many choices a question has; fewer where there are too few relations.

    Returns:
        Records with `stem`, `choice`, `answer` and `prefix` (the relation).

    Raises:
        ValueError: If no relation has two pairs.

    Examples:
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


def held_out_questions(settings: TrainingSettings, validation: RelationSet | None) -> AnalogyEvaluator | None:
    """Questions about pairs that are not trained on, 500 at most, to report what training did; or None.

    They are those of the relations that the run chooses a checkpoint by, or else of the split `validation`.
    """
    relations = validation or _validation_split(settings)
    if relations is None:
        return None
    try:
        questions = validation_questions(relations, settings.seed)
    except ValueError:  # too little for a question
        return None
    sample = random.Random(settings.seed).sample(questions, min(len(questions), _MOST_QUESTIONS))
    return AnalogyEvaluator(sample)
