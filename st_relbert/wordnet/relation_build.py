"""What was built from WordNet, and what was left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from st_relbert.data.relation_set import RelationSet


@dataclass(frozen=True)
class RelationBuild:
    """A relation set and how it came about.

    Args:
        relations: The relation set.
        candidates: The number of different pairs of relations before anything was left out.
        dropped: How many of them were left out because they stand in each of the test sets; a pair of several sets
            counts for each.
        dropped_in_all: How many of them stand in some test set.
        small_relations: How many relations were left out for having too few pairs.
    """

    relations: RelationSet
    candidates: int
    dropped: dict[str, int]
    dropped_in_all: int
    small_relations: int

    def report(self) -> dict[str, Any]:
        """The figures, for JSON: of the whole, and of the relations by parent."""
        positives = self.relations.positives
        parents: Counter[str] = Counter(self.relations.parent_names)
        pairs: Counter[str] = Counter()
        for parent, of_relation in zip(self.relations.parent_names, positives.values(), strict=True):
            pairs[parent] += len(of_relation)
        return {
            "relations": len(positives),
            "positives": sum(pairs.values()),
            "negatives": sum(map(len, self.relations.negatives.values())),
            "candidates": self.candidates,
            "dropped": self.dropped,
            "dropped_in_all": self.dropped_in_all,
            "small_relations": self.small_relations,
            "parents": {name: {"relations": count, "positives": pairs[name]} for name, count in parents.items()},
        }
