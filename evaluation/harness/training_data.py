"""The relation set that a row is trained on, where it is made of several and pairs of test sets are left out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from st_relbert.data import RelationBuild, RelationSet, combine_relations
from st_relbert.data.combine import PairExclusion
from st_relbert.data.leakage import benchmark_pairs
from st_relbert.data.sources import read_records
from st_relbert.data.triples import relations_of_triples
from st_relbert.data.wordnet import DEFAULT_WORDNET, WordNet, wordnet_triples
from st_relbert.evaluation.base import data_file
from st_relbert.pairs import Pair

SEMEVAL = "relbert/semeval2012_relational_similarity"
WORDNET = "wordnet"
# The ten relations that the task of 2012 gave for training.
HELD_OUT = ("1/a", "2/c", "2/h", "3/a", "3/c", "4/c", "5/d", "5/i", "7/a", "10/a")

WORST_RATING = -30


@dataclass(frozen=True)
class TrainingData:
    """What a row is trained on.

    Args:
        sets: Relation sets as ``st-relbert train`` takes them, or ``"wordnet"``: what ``data wordnet`` makes.
        exclude: Test sets whose pairs are left out.
        mismatches: Add negatives of each relation's own words.
        reverses: Add each pair with head and tail swapped: to the positives where a relation has no negatives, and so
            holds both ways in all sets used here; else to the negatives.
        rated_above: Of SemEval-2012 take all pairs rated higher than this for positives, and those below
            ``WORST_RATING`` for negatives, rather than the 8 best and 8 worst; None: do not.
        hold_out: Leave the relations of :data:`HELD_OUT` out of SemEval-2012, to choose by.
        wordnet: The WordNet that ``"wordnet"`` stands for.
        least: The fewest pairs of a relation of WordNet.
    """

    sets: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    mismatches: bool = False
    reverses: bool = False
    rated_above: float | None = None
    hold_out: bool = False
    wordnet: str = DEFAULT_WORDNET
    least: int = 5

    def combine(self) -> RelationBuild:
        """Put the sets together.

        Raises:
            ValueError: If a set cannot be had.
        """
        loaded = [_with_reverses(relations) if self.reverses else relations for relations in map(self._load, self.sets)]
        return combine_relations(loaded, PairExclusion(_tests(self.exclude)), mismatches=self.mismatches)

    def _load(self, name: str) -> RelationSet:
        if name == WORDNET:
            return _wordnet(self.wordnet, self.exclude, self.least)
        if name != SEMEVAL:
            return RelationSet.load(name, "train")
        relations = RelationSet.load(name, "train") if self.rated_above is None else _rated(self.rated_above)
        return relations.subset(each for each in relations.names if not (self.hold_out and each in HELD_OUT))


def write(relations: RelationSet, path: Path) -> None:
    """Write a relation set in JSON Lines."""
    path.write_text("".join(json.dumps(record) + "\n" for record in relations.records()), encoding="utf-8")


def _rated(above: float) -> RelationSet:
    positives, negatives = {}, {}
    for record in read_records(data_file("semeval2012_gold_ratings.jsonl"), [])[0]:
        pairs = [((head, tail), rating) for head, tail, rating in record["pairs"]]
        positives[record["relation_type"]] = [pair for pair, rating in pairs if rating > above]
        negatives[record["relation_type"]] = [pair for pair, rating in pairs if rating < WORST_RATING]
    return RelationSet(positives, negatives)


def _with_reverses(relations: RelationSet) -> RelationSet:
    positives, negatives = dict(relations.positives), dict(relations.negatives)
    for name, pairs in relations.positives.items():
        swapped = [pair[::-1] for pair in pairs]
        kind = negatives if negatives[name] else positives
        kind[name] = list(dict.fromkeys([*kind[name], *(pair for pair in swapped if pair not in pairs)]))
    return RelationSet(positives, negatives, relations.weights)


@cache
def _tests(exclude: tuple[str, ...]) -> dict[str, set[Pair]]:
    return benchmark_pairs(exclude)


@cache
def _wordnet(path: str, exclude: tuple[str, ...], least: int) -> RelationSet:
    triples = wordnet_triples(WordNet.read(path))
    return relations_of_triples(triples, PairExclusion(_tests(exclude)), least=least, most=200).relations
