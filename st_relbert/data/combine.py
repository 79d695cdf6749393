"""Several relation sets in one, without the pairs of test sets."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from st_relbert.data.relation_set import RelationSet, check_weight
from st_relbert.files.text import COMPRESSED
from st_relbert.pairs import Pair, counted, folded, folded_word


class PairExclusion:
    """Tells whether a pair stands in a test set, whatever its direction, case and white space.

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
        """Whether the pair stands in a test set."""
        return folded(pair) in self._all

    def counts(self, pairs: Iterable[Pair]) -> dict[str, int]:
        """How many of some pairs stand in each test set; one that stands in several counts for each."""
        folds = [folded(pair) for pair in pairs]
        return {name: sum(fold in of_test for fold in folds) for name, of_test in self._tests.items()}


def with_mismatches(relations: RelationSet, tests: PairExclusion | None = None, *, seed: int = 0) -> RelationSet:
    """Add to the negatives of each relation pairs of its own words.

    Each of its pairs is joined with another one, drawn at random, in three ways: the two heads, the two tails, and the
    head with the other's tail. Words alone then no longer tell a positive from a negative. No pair is made that stands
    in a relation of the set, in whatever direction; but one may be made that is true and that the set lacks.

    Args:
        relations: The relations.
        tests: Pairs of test sets, which are not made either.
        seed: Decides which pairs are joined. What a relation gets does not depend on the order of the relations.

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
        negatives[name] = list(dict.fromkeys([*relations.negatives.get(name, []), *made]))
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
    """A relation set that was put together, and what was left out of it.

    Args:
        relations: The relation set, without the pairs of test sets.
        pairs: The number of pairs there were to choose from.
        dropped: By test set, how many of the pairs stand in it and so were left out; one of several sets counts for
            each.
        dropped_in_all: How many of the pairs stand in some test set.
        small_relations: The relations that were left out because too few of their pairs remained.
    """

    relations: RelationSet
    pairs: int
    dropped: dict[str, int]
    dropped_in_all: int
    small_relations: list[str]

    def report(self) -> dict[str, Any]:
        """The figures, for JSON: of the whole, and of the relations by parent."""
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
    """Merge relation sets, without the pairs of test sets, whether positives or negatives.

    Args:
        sets: The sets; relations of the same name become one, which has the larger of their weights.
        tests: The pairs to leave out.
        mismatches: Add negatives of each relation's own words; see `with_mismatches`.
        least: Leave out relations with fewer positives.
        most: The most positives, and the most negatives, that are sampled of each relation; None: take all.
        seed: Decides which are sampled. The sample of a relation does not depend on the other relations.

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
    pairs = [pair for kind in (everything.positives, everything.negatives) for each in kind.values() for pair in each]
    positives, negatives = (
        {name: [pair for pair in of_name if pair not in tests] for name, of_name in kind.items()}
        for kind in (everything.positives, everything.negatives)
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
        dropped=tests.counts(pairs),
        dropped_in_all=sum(pair in tests for pair in pairs),
        small_relations=[name for name in everything.names if name not in set(kept)],
    )


def weigh_sets(sets: Mapping[str, RelationSet], weights: Mapping[str, float]) -> list[RelationSet]:
    """Multiply the weights of some sets' relations, so that training draws them more or less often than others.

    A set goes by the whole name that it was loaded by, or by the stem of its file: `own` for `data/own.jsonl`. Raises
    `ValueError` if no set, or more than one, goes by a name, or a weight is out of range. The order of the sets stays.

    >>> sets = {"data/own.jsonl": RelationSet({"capital": [("Tokyo", "Japan")]})}
    >>> weigh_sets(sets, {"own": 2})[0].weights
    {'capital': 2.0}
    """
    weighed: dict[str, RelationSet] = {}
    for name, weight in weights.items():
        called = [name] if name in sets else [each for each in sets if _stem(each) == name]
        if len(called) != 1:
            raise ValueError(
                f"{'Several sets are' if called else 'No set is'} called {name!r}, which was given the weight "
                f"{weight}, expected one of {', '.join(called or sets)}."
            )
        if called[0] in weighed:
            raise ValueError(f"The set {called[0]!r} was given two weights, the second by the name {name!r}.")
        check_weight(weight, f"the set {name!r}")
        weighed[called[0]] = sets[called[0]].weighted(weight)
    return [weighed.get(name, relations) for name, relations in sets.items()]


def _stem(name: str) -> str:
    path = Path(name)
    return Path(path.stem).stem if path.suffix in COMPRESSED else path.stem


def check_limits(least: int, most: int | None) -> None:
    """Raise `ValueError` if the least number of pairs is below 1, or the most below the least."""
    if least < 1:
        raise ValueError(f"The least number of pairs is {least}, expected at least 1.")
    if most is not None and most < least:
        raise ValueError(f"The most pairs of a relation are {most}, expected at least {least}, the least number.")


def check_enough(kept: Collection[str], names: Collection[str], least: int) -> None:
    """Raise `ValueError` if fewer than two relations are left."""
    if len(kept) < 2:
        raise ValueError(
            f"{len(kept)} of {len(names)} relations have {counted(least, 'pair')} or more that stand in no test set, "
            "expected at least two. Exclude fewer test sets, or ask for fewer pairs."
        )


def _sample(pairs: list[Pair], most: int | None, seed: str) -> list[Pair]:
    """At most `most` of the pairs, in their order."""
    if most is None or len(pairs) <= most:
        return pairs
    return [pairs[place] for place in sorted(random.Random(seed).sample(range(len(pairs)), most))]
