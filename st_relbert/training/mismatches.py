"""Negatives of a relation's own words: pairs that do not belong together."""

from __future__ import annotations

import random
from collections.abc import Iterator

from st_relbert.evaluation.pair_exclusion import PairExclusion
from st_relbert.pairs import Pair
from st_relbert.training.relation_set import RelationSet


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
            if pair[0] != pair[1] and pair not in known and (tests is None or pair not in tests)
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
