"""The data of a training run: relations for training and validation, a teacher's vectors, and streams."""

from __future__ import annotations

import hashlib
import itertools
import logging
import math
import os
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset, IterableDataset
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.util.distributed import get_rank

from st_relbert.data.combine import PairExclusion, with_mismatches
from st_relbert.data.relation_set import RelationSet
from st_relbert.evaluation import AnalogyEvaluator
from st_relbert.files.columns import vector_column
from st_relbert.files.outputs import read_arrays, write_arrays
from st_relbert.identity import vectors_digest
from st_relbert.pairs import check_positive
from st_relbert.settings import TrainingSettings

logger = logging.getLogger(__name__)

_MOST_QUESTIONS = 500


def load_data(settings: TrainingSettings) -> tuple[RelationSet, RelationSet | None]:
    """Return the relations to train on, and those to validate on (None if no checkpoint is to be chosen)."""
    relations, validation = _load_relations(settings)
    _check_parents(settings, relations)
    if settings.mismatches:
        held_out = validation or _validation_split(settings)
        tests = {"validation": [pair for pairs in held_out.positives.values() for pair in pairs]} if held_out else {}
        relations = with_mismatches(relations, PairExclusion(tests), seed=settings.seed)
    return relations, validation


def _load_relations(settings: TrainingSettings) -> tuple[RelationSet, RelationSet | None]:
    relations = RelationSet.load(settings.train_data, "train")
    if settings.choose_by == "none":
        return relations, None
    if settings.held_out_relations:
        return relations.hold_out(settings.held_out_relations, settings.seed)
    if settings.validation_data is None and os.path.isfile(settings.train_data):
        raise ValueError(
            f"choose_by needs validation relations, but the file {settings.train_data!r} has no splits. Pass them as "
            "validation_data, or hold out some with held_out_relations."
        )
    return relations, RelationSet.load(settings.validation_data or settings.train_data, "validation")


def _check_parents(settings: TrainingSettings, relations: RelationSet) -> None:
    """Refuse or report settings about parents for relations that have none."""
    if relations.parents is not None:
        return
    found = (
        f"the relations of {settings.train_data!r} have no parents. Expected names of the form parent/child, with at "
        "least two parents"
    )
    if not settings.siblings_as_negatives:
        raise ValueError(f"siblings_as_negatives is False, but {found}. Rename them, or omit the setting.")
    if settings.parent_weight:
        logger.warning("parent_weight has no effect: %s.", found)


def _validation_split(settings: TrainingSettings) -> RelationSet | None:
    """Return the split `validation` of the training data, or None if there is none."""
    if os.path.isfile(settings.train_data):
        return None
    try:
        return RelationSet.load(settings.train_data, "validation")
    except ValueError:
        return None


def validation_questions(relations: RelationSet, *, seed: int = 0, choices: int = 10) -> list[dict[str, Any]]:
    """Make analogy questions from a relation set.

    There is one question for each pair of a relation with at least two pairs. The pair is the stem, and the relation's
    next pair (for the last one, the first) is the right choice. Up to half of the wrong choices are the relation's own
    negatives. The others are pairs of other relations, one of each, drawn at random. No wrong choice is a pair of the
    stem's relation.

    Args:
        relations: The relations, usually of a validation split.
        seed: Determines the wrong choices and the order of all choices.
        choices: The number of choices per question, at least 2; fewer if there are too few relations.

    Returns:
        Records with `stem`, `choice`, `answer` and `prefix` (the relation).

    Raises:
        ValueError: If no relation has two pairs, or there is no wrong choice for any.

    Examples:
        >>> relations = RelationSet.load("starter", "validation")
        >>> questions = validation_questions(relations)
        >>> len(questions), len(questions[0]["choice"])
        (478, 10)
    """
    if choices < 2:
        raise ValueError(f"choices is {choices}, expected at least 2.")
    rng = random.Random(seed)
    questions = [question for name in relations.names for question in _questions(relations, name, choices - 1, rng)]
    if not questions:
        raise ValueError(
            "No relation of the validation set has two pairs, and a pair of another relation as a wrong choice, so no "
            "questions can be made. Add pairs, or validate on other relations."
        )
    return questions


def _questions(relations: RelationSet, name: str, wrong_choices: int, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Yield the questions about the pairs of one relation; see `validation_questions`."""
    pairs = relations.positives[name]
    if len(pairs) < 2:
        return
    right = set(pairs)
    own = [pair for pair in relations.negatives[name] if pair not in right]
    others = [other for other in relations.names if other != name]
    for stem, answer in zip(pairs, [*pairs[1:], pairs[0]], strict=True):
        wrong = dict.fromkeys(rng.sample(own, min(len(own), wrong_choices // 2)))
        # More relations than choices, because the pair drawn from one of them may be no wrong choice. Not all of them,
        # because there may be thousands.
        for other in rng.sample(others, min(len(others), 10 * wrong_choices)):
            if len(wrong) >= wrong_choices:
                break
            pair = rng.choice(relations.positives[other])
            if pair not in right:
                wrong.setdefault(pair)
        options = [answer, *wrong]
        rng.shuffle(options)
        if wrong:  # otherwise, every answer would be right
            yield {"stem": stem, "choice": options, "answer": options.index(answer), "prefix": name}


def held_out_questions(settings: TrainingSettings, validation: RelationSet | None) -> AnalogyEvaluator | None:
    """Return up to 500 questions about pairs that are not trained on, to report what training did, or None.

    They are about the relations by which the run chooses a checkpoint, or else about the split `validation`.
    """
    relations = validation or _validation_split(settings)
    if relations is None:
        return None
    try:
        questions = validation_questions(relations, seed=settings.seed)
    except ValueError:  # too few pairs for a question
        return None
    sample = random.Random(settings.seed).sample(questions, min(len(questions), _MOST_QUESTIONS))
    return AnalogyEvaluator(sample)


def distillation_dataset(
    relations: RelationSet,
    teacher: SentenceTransformer,
    *,
    batch_size: int = 64,
    show_progress_bar: bool = False,
    kept_in: Path | None = None,
) -> Dataset:
    """Make the training data of `SimilarityDistillationLoss`.

    Args:
        relations: Their positives and negatives are the pairs, each used once; their relations do not matter.
        teacher: The model to learn from.
        batch_size: The number of pairs that the teacher embeds at a time.
        show_progress_bar: Show the teacher's progress.
        kept_in: A file to store the vectors for the next call with the same teacher and pairs. None: they are not
            stored.

    Returns:
        A dataset with the columns `pair`, a list of two words, and `label`, the teacher's vector.

    Examples:
        >>> relations = RelationSet({"capital": [("Tokyo", "Japan"), ("Paris", "France")]})
        >>> distillation_dataset(relations, model)["pair"][0]  # model: a RelBERT
        ['Tokyo', 'Japan']
    """
    groups = (*relations.positives.values(), *relations.negatives.values())
    pairs = list(dict.fromkeys(pair for group in groups for pair in group))
    made_from = {
        "teacher": vectors_digest(teacher),
        "pairs": hashlib.blake2b(repr(pairs).encode()).hexdigest(),
    }
    vectors = _kept_vectors(kept_in, made_from)
    if vectors is None:
        vectors = np.asarray(
            teacher.encode(pairs, batch_size=batch_size, show_progress_bar=show_progress_bar), dtype=np.float32
        )
        if kept_in is not None and get_rank() == 0:
            write_arrays(kept_in, {"vectors": vectors}, made_from)
    return Dataset(pa.table({"pair": pa.array([list(pair) for pair in pairs]), "label": vector_column(vectors)}))


def _kept_vectors(path: Path | None, made_from: dict[str, str]) -> NDArray[np.float32] | None:
    """Return vectors from a file, or None if there are none, they are damaged, or another teacher's or other pairs'."""
    try:
        kept = None if path is None else read_arrays(path)
    except ValueError as error:
        logger.warning("The teacher's saved vectors cannot be used, so the pairs are embedded again: %s", error)
        return None
    return kept[0].get("vectors") if kept and kept[1] == made_from else None


def group_relations(
    stream: IterableDataset,
    *,
    pairs_per_relation: int = 4,
    buffer_size: int = 10_000,
    seed: int = 0,
) -> IterableDataset:
    """Order a stream so that successive rows contain several pairs of several relations.

    Trainers use no batch sampler for a stream: a batch is the next `per_device_train_batch_size` rows. Nothing can be
    learned from such batches if the stream is ordered by relation, or shuffled over thousands of relations. This
    function shuffles one buffer at a time, in groups of pairs of the same relation.

    Args:
        stream: Pairs and labels, as in `RelationSet.dataset`.
        pairs_per_relation: The maximum number of pairs of a relation in a group. A divisor of the batch size keeps them
            in one batch.
        buffer_size: The number of rows to read ahead. They must contain several relations: if a stream is ordered by
            relation, shuffle it first or use a larger buffer.
        seed: Determines the order.

    Raises:
        ValueError: If a number is not positive, or the stream has no column `label`. While it is read: if a label is
            not a whole number.

    Returns:
        The same rows in another order.

    Examples:
        >>> from st_relbert.data import load_relations
        >>> stream = group_relations(load_relations("starter").to_iterable_dataset(), pairs_per_relation=4)
        >>> len({row["label"] for row in stream.take(32)}) > 1
        True
    """
    check_positive(pairs_per_relation=pairs_per_relation, buffer_size=buffer_size)
    if "label" not in (stream.column_names or ["label"]):
        raise ValueError(
            f"The stream has the columns {', '.join(stream.column_names)}, expected one called 'label', with the "
            "relation of each pair. Use rename_column."
        )
    grouped = partial(_in_groups, size=pairs_per_relation, seed=seed)
    return stream.map(grouped, batched=True, batch_size=buffer_size, features=stream.features)


def _in_groups(rows: dict[str, list[Any]], size: int, seed: int) -> dict[str, list[Any]]:
    labels = np.array(rows["label"])
    if labels.dtype.kind not in "biu":
        other = next((label for label in rows["label"] if not isinstance(label, int)), rows["label"][0])
        raise ValueError(f"The column 'label' contains {other!r}, expected integer labels.")
    random = np.random.default_rng([seed, len(labels)])
    rounds: list[list[NDArray[np.int64]]] = []  # a group of each relation, then another of each that has more
    for label in random.permutation(np.unique(labels[labels >= 0])):
        members = random.permutation(np.flatnonzero(labels == label))
        for number, group in enumerate(np.array_split(members, math.ceil(len(members) / size))):
            if number == len(rounds):
                rounds.append([])
            rounds[number].append(group)
    groups = [group for groups in rounds for group in groups]
    # Pairs that are only negatives are spread evenly among the groups.
    negatives = np.array_split(random.permutation(np.flatnonzero(labels < 0)), max(len(groups), 1))
    order = [row for parts in itertools.zip_longest(groups, negatives, fillvalue=()) for part in parts for row in part]
    return {name: [values[row] for row in order] for name, values in rows.items()}
