"""Relation sets: word pairs grouped by relation, used as training data."""

from __future__ import annotations

import logging
import os
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from datasets import Dataset, Features, List, Value

from st_relbert.data.question_files import is_question_text, relation_pairs
from st_relbert.data.sources import as_lines, place_of, read_records, require, sources_of
from st_relbert.pairs import Pair, as_pair, as_pairs, check_relation_name, counted, negative_label, pairs_of_list

logger = logging.getLogger(__name__)

FEATURES = Features({"pair": List(Value("string")), "label": Value("int64")})
RELATION_EXAMPLE = '{"relation_type": "capital", "positives": [["Tokyo", "Japan"]], "negatives": [["Lyon", "France"]]}'
LARGEST_WEIGHT = 1000
"""The largest weight of a relation. With a larger one, a training run would see little else."""

_PAIR_COLUMNS = {"head", "tail", "relation"}


@dataclass(frozen=True)
class RelationSet:
    """Word pairs grouped by relation, to train models on.

    Args:
        positives: The pairs of each relation. Duplicates are left out.
        negatives: Pairs of each relation that look right and are wrong. A relation that is left out has none.
        weights: How often training draws each relation compared with others of its size: above 0 and at most 1,000. A
            relation that is left out has weight 1.

    Raises:
        ValueError: If a pair is not two words, a relation without positives has negatives or a weight, or a weight is
            out of range.

    Examples:
        >>> relations = RelationSet({"capital": [("Tokyo", "Japan")], "young": [("puppy", "dog")]})
        >>> relations.dataset()["label"][:]
        [0, 1]
    """

    positives: dict[str, list[Pair]]
    negatives: dict[str, list[Pair]] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check all values, leave out duplicates, and fill in missing negatives (an empty list) and weights (1)."""
        for kind, of_relations in (("negatives", self.negatives), ("a weight", self.weights)):
            if unknown := [name for name in of_relations if name not in self.positives]:
                raise ValueError(
                    f"The relation {unknown[0]!r} has {kind} but no positives, expected one of the relations "
                    f"{', '.join(self.positives) or '(none)'}."
                )
        checked: dict[str, dict[str, Any]] = {"positives": {}, "negatives": {}, "weights": {}}
        for name, pairs in self.positives.items():
            relation = f"the relation {name!r}"
            checked["positives"][name] = _distinct(pairs, f"{relation}, positive")
            checked["negatives"][name] = _distinct(self.negatives.get(name, []), f"{relation}, negative")
            checked["weights"][name] = check_weight(self.weights.get(name, 1), relation)
        for attribute, values in checked.items():
            object.__setattr__(self, attribute, values)

    @classmethod
    def load(cls, name_or_path: str | os.PathLike[str], split: str = "train") -> RelationSet:
        """Load a relation set.

        Args:
            name_or_path: A JSON Lines file, or a folder with one per split, with the columns of
                `relbert/semeval2012_relational_similarity`: `relation_type`, `positives` and `negatives` (lists of
                `[head, tail]`; `negatives` may be empty or left out), and optionally `weight` (1 by default). Or a
                JSON Lines, CSV, TSV or Parquet file with one pair per row: `head`, `tail` and `relation`. Or the
                published questions of Google, BATS or MSR. Or a data set on the hub, or one that the package ships:
                `"relations"`, `"starter"`. Records of the same relation are merged.
            split: `"train"` or `"validation"`; for `"relations"` also `"all"`.

        Raises:
            ValueError: If nothing is found, a record is malformed (the error names its row), or there are fewer than
                two relations.
        """
        if is_question_text(name_or_path):
            pairs = relation_pairs(name_or_path)
            records = [{"relation_type": name, "positives": of_name} for name, of_name in pairs.items()]
            return cls.from_records(records, os.fspath(name_or_path))
        return cls.from_records(*read_records(name_or_path, [split], RELATION_EXAMPLE))

    @classmethod
    def from_records(cls, records: Iterable[dict[str, Any]], source: str = "relations") -> RelationSet:
        """Make a relation set from records as described in `load`; errors refer to them as `source`."""
        positives: dict[str, list[Pair]] = {}
        negatives: dict[str, list[Pair]] = {}
        weights: dict[str, float] = {}
        for row, record in enumerate(records):
            relation, of_positives, of_negatives, weight = read_record(record, f"{source}, {place_of(record, row)}")
            positives.setdefault(relation, []).extend(of_positives)
            negatives.setdefault(relation, []).extend(of_negatives)
            weights[relation] = max(weight, weights.get(relation, 0))
        if len(positives) < 2:
            raise ValueError(
                f"{source} has {counted(len(positives), 'relation')} ({', '.join(positives) or 'none'}), expected at "
                "least two: the pairs of one are the negatives of the other."
            )
        relations = cls(positives, negatives, weights)
        copies = _count(positives) + _count(negatives) - _count(relations.positives) - _count(relations.negatives)
        if copies:
            logger.info("%s: left out %s that a relation has twice.", source, counted(copies, "pair"))
        return relations

    @classmethod
    def merge(cls, sets: Iterable[RelationSet]) -> RelationSet:
        """Merge relation sets: relations with the same name become one, with the largest weight.

        >>> one = RelationSet({"capital": [("Tokyo", "Japan")]})
        >>> RelationSet.merge([one, RelationSet({"capital": [("Rome", "Italy")]})]).positives
        {'capital': [('Tokyo', 'Japan'), ('Rome', 'Italy')]}
        """
        positives: dict[str, list[Pair]] = {}
        negatives: dict[str, list[Pair]] = {}
        weights: dict[str, float] = {}
        for relations in sets:
            for name, weight in relations.weights.items():
                weights[name] = max(weight, weights.get(name, 0))
            for merged, of_set in ((positives, relations.positives), (negatives, relations.negatives)):
                for name, pairs in of_set.items():
                    merged.setdefault(name, []).extend(pairs)
        return cls(positives, negatives, weights)

    @property
    def names(self) -> list[str]:
        """The names of the relations, in order of appearance. The label of a pair is an index into this list."""
        return list(self.positives)

    @property
    def parent_names(self) -> list[str]:
        """The parent of each relation: the part before the slash in `parent/child`, or the whole name."""
        return [name.split("/")[0] for name in self.positives]

    @property
    def parents(self) -> list[int] | None:
        """The index of each relation's parent, or None if the set has no hierarchy.

        A set has a hierarchy if some name has the form `parent/child` and there are at least two parents.
        """
        index = {name: number for number, name in enumerate(dict.fromkeys(self.parent_names))}
        if len(index) < 2 or not any("/" in name for name in self.positives):
            return None
        return [index[name] for name in self.parent_names]

    def dataset(self) -> Dataset:
        """Return the set as training data, without weights: pass those to `RelationBatchSampler` separately.

        Returns:
            A dataset with the columns `pair` (`[head, tail]`) and `label`: the index of the relation, or -1 - r for a
            pair that is only a negative of relation r. Each relation's negatives follow its positives.
        """
        rows: dict[str, list[Any]] = {"pair": [], "label": []}
        for index, relation in enumerate(self.positives):
            of_relation = ((self.positives[relation], index), (self.negatives[relation], negative_label(index)))
            for pairs, label in of_relation:
                rows["pair"] += [list(pair) for pair in pairs]
                rows["label"] += [label] * len(pairs)
        return Dataset.from_dict(rows, features=FEATURES)

    def records(self) -> list[dict[str, Any]]:
        """Return one record per relation, with its weight if that is not 1. `from_records` is the inverse."""
        return [
            {
                "relation_type": name,
                "positives": list(map(list, self.positives[name])),
                "negatives": list(map(list, self.negatives[name])),
                **({"weight": weight} if weight != 1 else {}),
            }
            for name, weight in self.weights.items()
        ]

    def with_parents(self) -> RelationSet:
        """Add each parent as a relation with the pairs of all its relations, as the relbert library does.

        A parent gets the largest weight of its relations.
        """
        positives, negatives, weights = dict(self.positives), dict(self.negatives), dict(self.weights)
        for name, parent in zip(self.names, self.parent_names, strict=True):
            # The trailing slash distinguishes the parent from a relation of the same name.
            positives[f"{parent}/"] = [*positives.get(f"{parent}/", []), *self.positives[name]]
            negatives[f"{parent}/"] = []
            weights[f"{parent}/"] = max(self.weights[name], weights.get(f"{parent}/", 0))
        return RelationSet(positives, negatives, weights)

    def weighted(self, weight: float) -> RelationSet:
        """Return the same relations with all weights multiplied. Raises `ValueError` if a weight is out of range.

        >>> RelationSet({"capital": [("Tokyo", "Japan")]}, weights={"capital": 3}).weighted(0.5).weights
        {'capital': 1.5}
        """
        weight = check_weight(weight, "a relation set")
        return RelationSet(self.positives, self.negatives, {name: weight * own for name, own in self.weights.items()})

    def hold_out(self, share: float, seed: int) -> tuple[RelationSet, RelationSet]:
        """Split off a share of the relations, between 0 and 1, but at least two; `seed` decides which.

        Raises `ValueError` if the share is out of range, or one of the two sets would have fewer than two relations.
        """
        if not 0 < share < 1:
            raise ValueError(f"The share of relations to hold out is {share!r}, expected a number between 0 and 1.")
        count = max(2, round(share * len(self.positives)))
        if len(self.positives) - count < 2:
            raise ValueError(
                f"Cannot hold out {count} of {len(self.positives)} relations: both parts need at least two. "
                "Use a smaller share, or a larger relation set."
            )
        held_out = set(random.Random(seed).sample(self.names, count))
        kept = [name for name in self.names if name not in held_out]
        return self.subset(kept), self.subset([name for name in self.names if name in held_out])

    def known_false_negatives(self) -> int:
        """Count the pairs that belong to several relations, or are both positive and negative for one.

        Training never pushes such a pair away from a relation it belongs to.
        """
        relations_of = Counter(pair for pairs in self.positives.values() for pair in pairs)
        contradictory = {
            pair for name, pairs in self.negatives.items() for pair in set(pairs) & set(self.positives[name])
        }
        return len({pair for pair, count in relations_of.items() if count > 1} | contradictory)

    def __str__(self) -> str:
        """Summarize the set in one line, including anything unexpected about it."""
        pairs, negatives = _count(self.positives), _count(self.negatives)
        numbers = ((len(self.names), "relation"), (pairs, "pair"), (negatives, "negative"))
        parts = ["{} with {} and {}".format(*(counted(*number) for number in numbers))]
        if single := sum(len(of_relation) == 1 for of_relation in self.positives.values()):
            parts.append(f"{counted(single, 'relation')} with a single pair, which can only be pushed away from others")
        if shared := self.known_false_negatives():
            shared_pairs = counted(shared, "pair")
            parts.append(f"{shared_pairs} in several relations, or on both sides of one, not pushed away")
        if weights := [weight for weight in self.weights.values() if weight != 1]:
            other = counted(len(weights), "relation")
            parts.append(f"{other} with a weight other than 1, from {min(weights):g} to {max(weights):g}")
        return "; ".join(parts)

    def subset(self, names: Iterable[str]) -> RelationSet:
        """Return a set with only the named relations, in the given order."""
        names = list(names)
        return RelationSet(
            {name: self.positives[name] for name in names},
            {name: self.negatives[name] for name in names},
            {name: self.weights[name] for name in names},
        )


def load_relations(name_or_path: str | os.PathLike[str], split: str = "train") -> Dataset:
    """Load a relation set as training data: `RelationSet.load` followed by `RelationSet.dataset`.

    The dataset's `info` gives its source and, if known, its licence; the model card uses both. The dataset does not
    contain the weights of the relations: take them from `RelationSet.weights`.

    >>> load_relations("starter", "train").column_names
    ['pair', 'label']
    """
    dataset = RelationSet.load(name_or_path, split).dataset()
    sources = sources_of(name_or_path)
    dataset.info.dataset_name, dataset.info.license = ", ".join(sources), "\n".join(as_lines(sources))
    return dataset


def read_record(record: dict[str, Any], where: str) -> tuple[str, list[Pair], list[Pair], float]:
    """Read a record of a relation or of a single pair.

    Its columns are `relation_type`, `positives` and optionally `negatives` and `weight`; or `head`, `tail` and
    `relation`. Returns the relation's name, its positives (at least one), its negatives and its weight. Raises
    `ValueError` if a column is missing or invalid; the message refers to the record as `where`.
    """
    if "positives" not in record and _PAIR_COLUMNS.issubset(record):
        require(record, sorted(_PAIR_COLUMNS), where, RELATION_EXAMPLE)
        # A column of weights would hold the weights of pairs, not of relations.
        pair = as_pair((record["head"], record["tail"]), f"the pair of {where}")
        return check_relation_name(record["relation"], where), [pair], [], 1.0
    require(record, ["relation_type", "positives"], where, RELATION_EXAMPLE)
    relation = check_relation_name(record["relation_type"], where)
    positives = pairs_of_list(record["positives"], f"{where}, positive")
    of_negatives = record.get("negatives")
    negatives = [] if of_negatives is None else pairs_of_list(of_negatives, f"{where}, negative")
    if not positives:
        raise ValueError(f"{where}: the relation {relation!r} has no positives, expected at least one pair.")
    weight = record.get("weight")
    # In tables, a missing weight is null.
    return relation, positives, negatives, 1.0 if weight is None else check_weight(weight, where)


def check_weight(weight: Any, what: str) -> float:
    """Return the weight as a float. Raises `ValueError`, naming `what`, unless it is above 0 and at most 1,000."""
    number: Any = Real  # also those of NumPy
    if not isinstance(weight, number) or isinstance(weight, bool) or not 0 < weight <= LARGEST_WEIGHT:
        raise ValueError(
            f"The weight of {what} is {weight!r}, expected a number above 0 and at most {LARGEST_WEIGHT:,}."
        )
    return float(weight)


def _distinct(pairs: Any, where: str) -> list[Pair]:
    return list(dict.fromkeys(as_pairs(pairs, where)))


def _count(pairs: dict[str, list[Pair]]) -> int:
    return sum(map(len, pairs.values()))
