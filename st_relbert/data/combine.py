"""Combine several relation sets into one and leave out the pairs of test sets."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from st_relbert.data.relation_set import RelationSet, check_weight
from st_relbert.files.text import stem_of
from st_relbert.pairs import Pair, counted, folded, folded_word


class PairExclusion:
    """Check whether a pair occurs in a test set, ignoring direction, case, underscores and how accents are encoded.

    Args:
        tests: The pairs of each test set; see `benchmark_pairs`.

    Examples:
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
        """Return whether the pair occurs in a test set."""
        return folded(pair) in self._all

    def counts(self, pairs: Iterable[Pair]) -> dict[str, int]:
        """Count the pairs that occur in each test set; a pair in several test sets counts for each."""
        folds = [folded(pair) for pair in pairs]
        return {name: sum(fold in of_test for fold in folds) for name, of_test in self._tests.items()}


def with_mismatches(relations: RelationSet, tests: PairExclusion | None = None, *, seed: int = 0) -> RelationSet:
    """Add negatives to each relation that are made from the relation's own words.

    Each pair is combined with another pair of the relation, drawn at random, in three ways: both heads, both tails, and
    the head with the other pair's tail. The words alone then no longer distinguish positives from negatives. Pairs that
    occur in any relation of the set, in either direction, are never made. True pairs missing from the set may be made.

    Args:
        relations: The relations.
        tests: Pairs of test sets, which are not made either.
        seed: Seed for drawing the pairs. The result for a relation does not depend on the order of the relations.

    Examples:
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
        negatives[name] = [*relations.negatives[name], *made]
    return RelationSet(relations.positives, negatives, relations.weights)


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
class RelationBuild:
    """A combined relation set and a record of what was left out.

    Args:
        relations: The relation set, without the pairs of test sets.
        pairs: The number of pairs before any were left out.
        dropped: The number of pairs left out because of each test set; a pair in several test sets counts for each.
        dropped_in_all: The number of pairs that occur in any test set.
        small_relations: The relations that were left out because too few of their pairs remained.
    """

    relations: RelationSet
    pairs: int
    dropped: dict[str, int]
    dropped_in_all: int
    small_relations: list[str]

    def report(self) -> dict[str, Any]:
        """Return the figures for the whole set and for each parent, ready for JSON."""
        positives = self.relations.positives
        parents: dict[str, dict[str, int]] = {}
        for parent, pairs in zip(self.relations.parent_names, positives.values(), strict=True):
            figures = parents.setdefault(parent, {"relations": 0, "positives": 0})
            figures["relations"] += 1
            figures["positives"] += len(pairs)
        return {
            "relations": len(positives),
            "positives": sum(map(len, positives.values())),
            "negatives": sum(map(len, self.relations.negatives.values())),
            "pairs": self.pairs,
            "dropped": self.dropped,
            "dropped_in_all": self.dropped_in_all,
            "small_relations": self.small_relations,
            "parents": parents,
        }


def combine_relations(
    sets: Iterable[RelationSet],
    tests: PairExclusion | None = None,
    *,
    mismatches: bool = False,
    least: int = 1,
    most: int | None = None,
    seed: int = 0,
) -> RelationBuild:
    """Merge relation sets and leave out the pairs of test sets, among positives and negatives alike.

    Args:
        sets: The sets. Relations with the same name become one, with the largest of their weights.
        tests: The pairs to leave out.
        mismatches: Whether to add negatives made from each relation's own words; see `with_mismatches`.
        least: Leave out relations with fewer positives than this.
        most: Sample at most this many positives, and as many negatives, of each relation. None takes all.
        seed: Seed for sampling. The sample of a relation does not depend on the other relations.

    Raises:
        ValueError: If fewer than two relations are left, or a number is out of range.

    Examples:
        >>> one = RelationSet({"capital": [("Tokyo", "Japan"), ("Paris", "France")]})
        >>> other = RelationSet({"part": [("finger", "hand")], "young": [("puppy", "dog")]})
        >>> build = combine_relations([one, other], PairExclusion({"questions": [("paris", "france")]}))
        >>> build.relations.positives["capital"], build.dropped
        ([('Tokyo', 'Japan')], {'questions': 1})
    """
    check_limits(least, most)
    tests = tests or PairExclusion({})
    everything = RelationSet.merge(sets)
    kinds = everything.positives, everything.negatives
    pairs = [pair for kind in kinds for of_name in kind.values() for pair in of_name]
    dropped = [pair for pair in pairs if pair in tests]
    excluded = set(dropped)
    positives, negatives = (
        {name: [pair for pair in of_name if pair not in excluded] for name, of_name in kind.items()} for kind in kinds
    )
    kept = [name for name in everything.names if len(positives[name]) >= least]
    check_enough(kept, everything.names, least)
    relations = RelationSet(
        {name: _sample(positives[name], most, f"{seed} {name}") for name in kept},
        {name: _sample(negatives[name], most, f"{seed} {name}") for name in kept},
        {name: everything.weights[name] for name in kept},
    )
    return RelationBuild(
        relations=with_mismatches(relations, tests, seed=seed) if mismatches else relations,
        pairs=len(pairs),
        dropped=tests.counts(dropped),
        dropped_in_all=len(dropped),
        small_relations=[name for name in everything.names if name not in relations.positives],
    )


def weigh_sets(sets: Mapping[str, RelationSet], weights: Mapping[str, float]) -> list[RelationSet]:
    """Multiply the weights of all relations in some sets, so that training draws them more or less often.

    A set is referred to by the full name it was loaded with or by its file's stem (`own` for `data/own.jsonl`). The
    order of the sets is kept. Raises `ValueError` if a name matches no set or several, or a weight is out of range.

    >>> sets = {"data/own.jsonl": RelationSet({"capital": [("Tokyo", "Japan")]})}
    >>> weigh_sets(sets, {"own": 2})[0].weights
    {'capital': 2.0}
    """
    weighed: dict[str, RelationSet] = {}
    for name, weight in weights.items():
        called = [name] if name in sets else [each for each in sets if Path(stem_of(each)).name == name]
        if len(called) != 1:
            raise ValueError(
                f"{'Several sets are' if called else 'No set is'} called {name!r}, which has the weight {weight}, "
                f"expected one of {', '.join(called or sets)}."
            )
        if called[0] in weighed:
            raise ValueError(f"The set {called[0]!r} has two weights, the second under the name {name!r}. Remove one.")
        check_weight(weight, f"the set {name!r}")
        weighed[called[0]] = sets[called[0]].weighted(weight)
    return [weighed.get(name, relations) for name, relations in sets.items()]


def check_limits(least: int, most: int | None) -> None:
    """Raise `ValueError` if `least` is below 1, or `most` is below `least`."""
    if least < 1:
        raise ValueError(f"The minimum number of pairs per relation is {least}, expected at least 1.")
    if most is not None and most < least:
        raise ValueError(
            f"The maximum number of pairs per relation is {most}, expected at least the minimum, which is {least}."
        )


def check_enough(kept: Collection[str], names: Collection[str], least: int) -> None:
    """Raise `ValueError` if fewer than two relations are left."""
    if len(kept) < 2:
        raise ValueError(
            f"{len(kept)} of {counted(len(names), 'relation')} have at least {counted(least, 'pair')} outside the test "
            "sets, expected two or more. Exclude fewer test sets, or lower the minimum number of pairs."
        )


def _sample(pairs: list[Pair], most: int | None, seed: str) -> list[Pair]:
    """Return at most `most` of the pairs, in their original order."""
    if most is None or len(pairs) <= most:
        return pairs
    return [pairs[place] for place in sorted(random.Random(seed).sample(range(len(pairs)), most))]
