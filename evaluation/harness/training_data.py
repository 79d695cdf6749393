"""The relation set that a row is trained on, where it is made of several and pairs of test sets are left out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from st_relbert.evaluation.benchmark_pairs import benchmark_pairs
from st_relbert.evaluation.pair_exclusion import PairExclusion
from st_relbert.pairs import Pair
from st_relbert.training import Combination, RelationSet, combine_relations, validation_questions
from st_relbert.wordnet import DEBIAN_FOLDER, WordNet, build_relations

SEMEVAL = "relbert/semeval2012_relational_similarity"
WORDNET = "wordnet"
# The ten relations that the task of 2012 gave for training.
HELD_OUT = ("1/a", "2/c", "2/h", "3/a", "3/c", "4/c", "5/d", "5/i", "7/a", "10/a")


@dataclass(frozen=True)
class TrainingData:
    """What a row is trained on.

    Args:
        sets: Relation sets as ``st-relbert train`` takes them, or ``"wordnet"``: what ``data wordnet`` makes.
        exclude: Test sets whose pairs are left out.
        hold_out: Leave the relations of :data:`HELD_OUT` out of SemEval-2012, to choose by.
    """

    sets: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    hold_out: bool = False

    def combine(self) -> Combination:
        """Put the sets together.

        Raises:
            ValueError: If a set cannot be had.
        """
        return combine_relations(map(self._load, self.sets), PairExclusion(_tests(self.exclude)))

    def _load(self, name: str) -> RelationSet:
        if name == WORDNET:
            return _wordnet(self.exclude)
        relations = RelationSet.load(name, "train")
        if name == SEMEVAL and self.hold_out:
            return _part(relations, [relation for relation in relations.names if relation not in HELD_OUT])
        return relations


def held_out_questions() -> list[dict[str, Any]]:
    """Questions about the relations of SemEval-2012 that experiments do not train on, to choose by.

    Raises:
        ValueError: If the data set cannot be had.
    """
    return validation_questions(_part(RelationSet.load(SEMEVAL, "train"), HELD_OUT))


def write(relations: RelationSet, path: Path) -> None:
    """Write a relation set in JSON Lines."""
    path.write_text("".join(json.dumps(record) + "\n" for record in relations.records()), encoding="utf-8")


def _part(relations: RelationSet, names: Iterable[str]) -> RelationSet:
    positives = {name: relations.positives[name] for name in names}
    return RelationSet(positives, {name: relations.negatives[name] for name in positives})


@cache
def _tests(exclude: tuple[str, ...]) -> dict[str, set[Pair]]:
    return benchmark_pairs(exclude)


@cache
def _wordnet(exclude: tuple[str, ...]) -> RelationSet:
    return build_relations(WordNet.read(DEBIAN_FOLDER, show_progress_bar=False), exclude=_tests(exclude)).relations
