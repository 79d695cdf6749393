"""Several relation sets in one, without the pairs of test sets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from st_relbert.evaluation.pair_exclusion import PairExclusion
from st_relbert.pairs import Pair
from st_relbert.training.mismatches import with_mismatches
from st_relbert.training.relation_set import RelationSet


@dataclass(frozen=True)
class Combination:
    """Relation sets put together.

    Args:
        relations: All relations, those of the same name as one, without the pairs of test sets.
        pairs: The number of positive and negative pairs there were.
        dropped: How many of them were left out because they stand in each of the test sets; a pair of several sets
            counts for each.
        dropped_in_all: How many of them stand in some test set.
        lost_relations: The relations that had no other positives.
    """

    relations: RelationSet
    pairs: int
    dropped: dict[str, int]
    dropped_in_all: int
    lost_relations: list[str]

    def report(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return {
            "relations": len(self.relations.positives),
            "positives": sum(map(len, self.relations.positives.values())),
            "negatives": sum(map(len, self.relations.negatives.values())),
            "pairs": self.pairs,
            "dropped": self.dropped,
            "dropped_in_all": self.dropped_in_all,
            "lost_relations": self.lost_relations,
        }


def combine_relations(
    sets: Iterable[RelationSet], tests: PairExclusion | None = None, mismatches: bool = False
) -> Combination:
    """Put relation sets together; pairs of test sets are left out, positives and negatives alike.

    Args:
        sets: The sets; relations of the same name are put together.
        tests: The pairs to leave out.
        mismatches: Add negatives of each relation's own words; see
            :func:`~st_relbert.training.mismatches.with_mismatches`.

    Raises:
        ValueError: If fewer than two relations are left.

    Example:
        >>> one = RelationSet({"capital": [("Tokyo", "Japan"), ("Paris", "France")]}, {"capital": []})
        >>> other = RelationSet({"part": [("finger", "hand")], "young": [("puppy", "dog")]}, {"part": [], "young": []})
        >>> combination = combine_relations([one, other], PairExclusion({"questions": [("paris", "france")]}))
        >>> combination.relations.positives["capital"], combination.dropped
        ([('Tokyo', 'Japan')], {'questions': 1})
    """
    tests = tests or PairExclusion({})
    everything = RelationSet.from_records(chain.from_iterable(relations.records() for relations in sets))
    pairs = [
        pair for kind in (everything.positives, everything.negatives) for of_name in kind.values() for pair in of_name
    ]
    positives, negatives = (_without(kind, tests) for kind in (everything.positives, everything.negatives))
    kept = [name for name in everything.names if positives[name]]
    if len(kept) < 2:
        raise ValueError(
            f"Without the pairs of the test sets {len(kept)} of {len(everything.names)} relations have positives, "
            "expected at least two. Exclude fewer test sets."
        )
    relations = RelationSet(positives, negatives).subset(kept)
    return Combination(
        relations=with_mismatches(relations, tests) if mismatches else relations,
        pairs=len(pairs),
        dropped=tests.counts(pairs),
        dropped_in_all=sum(pair in tests for pair in pairs),
        lost_relations=[name for name in everything.names if not positives[name]],
    )


def _without(pairs: dict[str, list[Pair]], tests: PairExclusion) -> dict[str, list[Pair]]:
    return {name: [pair for pair in of_name if pair not in tests] for name, of_name in pairs.items()}
