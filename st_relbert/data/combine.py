"""Several relation sets in one, without the pairs of test sets."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from st_relbert.data.relation_set import RelationSet
from st_relbert.pairs import Pair, folded, folded_word


class PairExclusion:
    """The pairs of some test sets, in whatever direction, upper and lower case and white space.

    Args:
        tests: The pairs of each test set; :func:`~st_relbert.data.leakage.benchmark_pairs`.

    Example:
        >>> tests = PairExclusion({"capitals": [("Tokyo", "Japan")]})
        >>> ("japan", "Tokyo") in tests, ("Paris", "France") in tests
        (True, False)
        >>> tests.counts([("japan", "Tokyo"), ("Paris", "France")])
        {'capitals': 1}
    """

    def __init__(self, tests: Mapping[str, Collection[Pair]]) -> None:
        self._tests = {name: {folded(pair) for pair in pairs} for name, pairs in tests.items()}
        self._all = set[Pair]().union(*self._tests.values())

    def __contains__(self, pair: Pair) -> bool:
        """Whether the pair stands in a test set."""
        return folded(pair) in self._all

    def counts(self, pairs: Iterable[Pair]) -> dict[str, int]:
        """How many of some pairs stand in each test set; one that stands in several counts for each."""
        folds = [folded(pair) for pair in pairs]
        return {name: sum(fold in of_test for fold in folds) for name, of_test in self._tests.items()}


def with_mismatches(relations: RelationSet, tests: PairExclusion | None = None, seed: int = 0) -> RelationSet:
    """Add to the negatives of each relation pairs of its own words.

    Each of its pairs is joined with another one, drawn at random, in three ways: the two heads, the two tails, and the
    head with the other's tail. So words alone no longer tell a positive from a negative. A pair that stands in any
    relation of the set, in whatever direction, is not made; a true one that the set does not know may be.

    Args:
        relations: The relations.
        tests: Pairs of test sets, which are not made either.
        seed: Decides which pairs are joined. What a relation gets does not depend on the order of the relations.

    Example:
        >>> relations = RelationSet({"taller": [("tall", "taller"), ("old", "older")], "x": [("a", "b")]}, {})
        >>> with_mismatches(relations).negatives["taller"][:3]
        [('tall', 'old'), ('taller', 'older'), ('tall', 'older')]
    """
    known = PairExclusion({"": [pair for pairs in relations.positives.values() for pair in pairs]})
    negatives = {}
    for name, pairs in relations.positives.items():
        rng = random.Random(f"{seed} {name}")
        made = (
            pair
            for pair in _joined(pairs, rng)
            if folded_word(pair[0]) != folded_word(pair[1])
            and pair not in known
            and (tests is None or pair not in tests)
        )
        negatives[name] = list(dict.fromkeys([*relations.negatives.get(name, []), *made]))
    return RelationSet(relations.positives, negatives)


def _joined(pairs: list[Pair], rng: random.Random) -> Iterator[Pair]:
    if len(pairs) < 2:
        return

    def other(place: int) -> Pair:
        drawn = rng.randrange(len(pairs) - 1)
        return pairs[drawn + (drawn >= place)]

    for place, (head, tail) in enumerate(pairs):
        yield head, other(place)[0]
        yield tail, other(place)[1]
        yield head, other(place)[1]


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
            :func:`~st_relbert.data.combine.with_mismatches`.

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
    everything = RelationSet.merge(sets)
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
