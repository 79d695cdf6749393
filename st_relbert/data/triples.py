"""Make relation sets from triples of head, relation and tail, such as those of a knowledge graph."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from st_relbert.data.combine import PairExclusion, RelationBuild, check_enough, check_limits
from st_relbert.data.relation_set import RelationSet
from st_relbert.pairs import Pair, as_pair, check_relation_name, folded, folded_word

Triple: TypeAlias = tuple[str, str, str]
"""A head, a relation and a tail."""

_HALF = 0.5


def both_ways(head: str, relation: str, tail: str, symmetric: bool = True) -> Iterator[Triple]:
    """Yield a triple, and the reversed triple if the relation is symmetric."""
    yield head, relation, tail
    if symmetric:
        yield tail, relation, head


@dataclass(frozen=True)
class TripleBuild(RelationBuild):
    """A relation set made from triples and a record of what was left out.

    Args:
        symmetric: The relations that hold in both directions. They have no negatives; the negatives of the other
            relations are their reversed pairs.
        inverse: Pairs of relations where one holds from tail to head if the other holds from head to tail.
        left_out: The number of triples left out for each reason.
    """

    symmetric: list[str]
    inverse: list[Pair]
    left_out: dict[str, int]

    def report(self) -> dict[str, Any]:
        """Return the figures, ready for JSON."""
        more = {"symmetric": self.symmetric, "inverse": self.inverse, "left_out": self.left_out}
        return {**super().report(), **more}


def relations_of_triples(
    triples: Iterable[Triple],
    tests: PairExclusion | None = None,
    *,
    least: int = 5,
    most: int | None = 1000,
    words: int | None = 3,
    relations: Collection[str] = (),
    without: Collection[str] = (),
    seed: int = 0,
) -> TripleBuild:
    """Make a relation set from triples. Memory is bounded by `most`, however many triples there are.

    A relation is symmetric if at least half of its pairs occur in both directions; for such pairs, the direction that
    came first is kept. Two relations are inverse if at least half of the pairs of each are reversed pairs of the other.

    Args:
        triples: The triples. Underscores, which graphs write instead of blanks, become blanks.
        tests: The pairs of test sets, which are left out.
        least: Leave out relations with fewer pairs than this.
        most: Sample at most this many pairs of each relation. None takes all.
        words: Leave out pairs whose head or tail has more words than this. None takes all.
        relations: The relations to take. If empty, all are taken.
        without: The relations to leave out.
        seed: Seed for sampling. The sample does not depend on the order of the pairs or on the other relations.

    Raises:
        ValueError: If a number is out of range, a named relation does not occur, or fewer than two relations are left.

    Examples:
        >>> triples = [("wheel", "part of", "car"), ("car", "has part", "wheel"), ("cat", "is a", "animal")]
        >>> build = relations_of_triples(triples, least=1)
        >>> build.relations.positives["part of"], build.relations.negatives["part of"], build.inverse
        ([('wheel', 'car')], [('car', 'wheel')], [('has part', 'part of')])
    """
    check_limits(least, most)
    if words is not None and words < 1:
        raise ValueError(f"The maximum number of words is {words}, expected at least 1.")
    tests = tests or PairExclusion({})
    samples: dict[str, _PairSample] = {}
    excluded: set[tuple[str, Pair]] = set()
    left_out: Counter[str] = Counter()
    names: Counter[str] = Counter()
    for number, (head, relation, tail) in enumerate(triples, start=1):
        if relation not in names:
            check_relation_name(relation, f"triple {number}")
        names[relation] += 1
        if (relations and relation not in relations) or relation in without:
            left_out["other relations"] += 1
            continue
        pair = as_pair((_plain(head), _plain(tail)), f"the pair of triple {number}")
        fold = folded(pair)
        if fold[0] == fold[1]:
            left_out["head and tail are the same word"] += 1
        elif words is not None and max(len(word.split()) for word in fold) > words:
            left_out[f"more than {words} words"] += 1
        elif fold in tests:
            excluded.add((relation, fold))
        else:
            samples.setdefault(relation, _PairSample(most, seed)).add(pair, fold)
    _check_names([*relations, *without], names)
    kept = {name: samples[name] for name in sorted(samples) if len(samples[name].pairs) >= least}
    check_enough(kept, names, least)
    chosen = {name: sample.chosen() for name, sample in kept.items()}
    symmetric = [name for name, sample in kept.items() if sample.is_symmetric]
    positives = {name: [pair for pair, _ in entries] for name, entries in chosen.items()}
    negatives = {
        name: [pair[::-1] for pair, in_both_directions in entries if not in_both_directions]
        for name, entries in chosen.items()
        if name not in symmetric
    }
    return TripleBuild(
        relations=RelationSet(positives, negatives),
        pairs=sum(names.values()),
        dropped=tests.counts(fold for _, fold in excluded),
        dropped_in_all=len(excluded),
        small_relations=sorted(samples.keys() - kept.keys()),
        symmetric=symmetric,
        inverse=list(_inverse_relations(positives, set(symmetric))),
        left_out=dict(left_out),
    )


class _PairSample:
    """A streaming sample of a relation's pairs that keeps the pairs with the smallest checksums.

    The checksum is computed from the folded pair, so duplicates, the reversed pair and the same pair in other relations
    share it. The sample therefore shows which relations are symmetric and which are inverse.
    """

    def __init__(self, most: int | None, seed: int) -> None:
        self.pairs: dict[Pair, tuple[bytes, Pair, bool]] = {}
        self._most = most
        self._key = seed.to_bytes(16, "big", signed=True)
        self._highest = b"\xff" * 8

    def add(self, pair: Pair, fold: Pair) -> None:
        """Add a pair to the sample if its checksum is small enough."""
        if known := self.pairs.get(fold):
            checksum, first, in_both_directions = known
            swapped = folded_word(pair[0]) != folded_word(first[0])
            self.pairs[fold] = checksum, first, in_both_directions or swapped
            return
        checksum = hashlib.blake2b("\t".join(fold).encode(), digest_size=8, key=self._key).digest()
        if checksum <= self._highest:
            self.pairs[fold] = checksum, pair, False
            if self._most is not None and len(self.pairs) >= 2 * self._most + 1000:
                self._shrink(self._most)

    def chosen(self) -> list[tuple[Pair, bool]]:
        """Return the pairs in order of appearance, and for each whether it occurs in both directions."""
        if self._most is not None and len(self.pairs) > self._most:
            self._shrink(self._most)
        return [(pair, in_both_directions) for _, pair, in_both_directions in self.pairs.values()]

    @property
    def is_symmetric(self) -> bool:
        """Whether at least half of the pairs occur in both directions."""
        return sum(in_both for _, _, in_both in self.pairs.values()) >= _HALF * len(self.pairs)

    def _shrink(self, most: int) -> None:
        self._highest = sorted(checksum for checksum, _, _ in self.pairs.values())[most - 1]
        self.pairs = {fold: entry for fold, entry in self.pairs.items() if entry[0] <= self._highest}


def _plain(word: str) -> str:
    return " ".join(word.replace("_", " ").split())


def _check_names(wanted: Iterable[str], names: Collection[str]) -> None:
    for name in wanted:
        if name not in names:
            shown = ", ".join(sorted(names)[:20]) + (", ..." if len(names) > 20 else "")
            raise ValueError(f"No triple has the relation {name!r}. The relations are: {shown or '(none)'}.")


def _inverse_relations(positives: dict[str, list[Pair]], symmetric: Collection[str]) -> Iterator[Pair]:
    """Yield pairs of inverse relations, each in alphabetical order."""
    relations_of: dict[Pair, list[str]] = {}
    for name, pairs in positives.items():
        for pair in pairs if name not in symmetric else ():
            relations_of.setdefault((folded_word(pair[0]), folded_word(pair[1])), []).append(name)
    shared: Counter[Pair] = Counter()
    for pair, of_pair in relations_of.items():
        shared.update((name, other) for name in of_pair for other in relations_of.get(pair[::-1], ()))
    for (name, other), count in shared.items():
        if name < other and count >= _HALF * max(len(positives[name]), len(positives[other])):
            yield name, other
