"""Relation sets: word pairs by relation, as training data."""

from __future__ import annotations

import logging
import os
import random
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from datasets import Dataset, Features, List, Value

from st_relbert.data.question_files import is_question_text, relation_pairs
from st_relbert.data.sources import as_lines, place_of, read_records, require, sources_of
from st_relbert.pairs import Pair, as_pair, counted, negative_label, pairs_of_list

logger = logging.getLogger(__name__)

FEATURES = Features({"pair": List(Value("string")), "label": Value("int64")})
RELATION_EXAMPLE = '{"relation_type": "capital", "positives": [["Tokyo", "Japan"]], "negatives": [["Lyon", "France"]]}'
LARGEST_WEIGHT = 1000
"""The most that a relation may weigh. With more, a training run would see little else."""

_PAIR_COLUMNS = {"head", "tail", "relation"}
_NOT_IN_NAMES = {"Cc": "a control character", "Cs": "a lone surrogate", "Zl": "a line break", "Zp": "a line break"}


@dataclass(frozen=True)
class RelationSet:
    """Word pairs by relation: what models are trained on.

    Args:
        positives: The pairs of each relation, all different.
        negatives: Pairs that are near but wrong, for each relation. A relation that is left out has none.
        weights: How often training draws each relation, compared with others of its size: above 0, at most 1,000. A
            relation that is left out has the weight 1.

    Raises:
        ValueError: If there are negatives or weights of a relation that has no positives, or a weight is out of range.

    Examples:
        >>> relations = RelationSet({"capital": [("Tokyo", "Japan")], "young": [("puppy", "dog")]})
        >>> relations.dataset()["label"][:]
        [0, 1]
    """

    positives: dict[str, list[Pair]]
    negatives: dict[str, list[Pair]] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Give each relation its negatives, if only an empty list, and its weight."""
        for kind, of_relations in (("negatives", self.negatives), ("a weight", self.weights)):
            if unknown := [name for name in of_relations if name not in self.positives]:
                raise ValueError(
                    f"There {'are' if kind == 'negatives' else 'is'} {kind} of the relation {unknown[0]!r}, which has "
                    f"no positives, expected one of the relations {', '.join(self.positives) or '(none)'}."
                )
        weights = {name: check_weight(weight, f"the relation {name!r}") for name, weight in self.weights.items()}
        object.__setattr__(self, "negatives", {name: self.negatives.get(name, []) for name in self.positives})
        object.__setattr__(self, "weights", {name: weights.get(name, 1.0) for name in self.positives})

    @classmethod
    def load(cls, name_or_path: str | os.PathLike[str], split: str = "train") -> RelationSet:
        """Load a relation set.

        Args:
            name_or_path: A JSON Lines file, or a folder with one a split, in the columns of
                `relbert/semeval2012_relational_similarity`: `relation_type`, `positives` and `negatives` (lists of
                `[head, tail]`; `negatives` may be empty or left out), and a `weight`, which is 1 where it is left out.
                Or a JSON Lines, CSV, TSV or Parquet file with a
                pair a row: `head`, `tail` and `relation`. Or the questions of Google, BATS or MSR as they are
                published. Or a data set on the hub, or one that the package ships: `"relations"`, `"starter"`. Records
                of the same relation are put together.
            split: `"train"` or `"validation"`.

        Raises:
            ValueError: If nothing is there, a record is malformed (the error names its row), or there are fewer than
                two relations.
        """
        if is_question_text(name_or_path):
            return cls.from_records(cls(relation_pairs(name_or_path)).records(), os.fspath(name_or_path))
        records, source = read_records(name_or_path, [split], RELATION_EXAMPLE)
        return cls.from_records(records, source)

    @classmethod
    def from_records(cls, records: Iterable[dict[str, Any]], source: str = "relations") -> RelationSet:
        """Make a relation set of records as `load` describes them; an error calls them `source`."""
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
        relations = cls.merge([cls(positives, negatives, weights)])
        copies = _count(positives) + _count(negatives) - _count(relations.positives) - _count(relations.negatives)
        if copies:
            logger.info("%s: left out %s that a relation has already.", source, counted(copies, "pair"))
        return relations

    @classmethod
    def merge(cls, sets: Iterable[RelationSet]) -> RelationSet:
        """Put relation sets together: relations of the same name become one, with each pair once and the larger weight.

        >>> one = RelationSet({"capital": [("Tokyo", "Japan")]})
        >>> RelationSet.merge([one, RelationSet({"capital": [("Rome", "Italy")]})]).positives
        {'capital': [('Tokyo', 'Japan'), ('Rome', 'Italy')]}
        """
        positives: dict[str, dict[Pair, None]] = {}
        negatives: dict[str, dict[Pair, None]] = {}
        weights: dict[str, float] = {}
        for relations in sets:
            for name, weight in relations.weights.items():
                weights[name] = max(weight, weights.get(name, 0))
            for merged, of_set in ((positives, relations.positives), (negatives, relations.negatives)):
                for name, pairs in of_set.items():
                    merged.setdefault(name, {}).update(dict.fromkeys(pairs))
        return cls(
            {name: list(pairs) for name, pairs in positives.items()},
            {name: list(pairs) for name, pairs in negatives.items()},
            weights,
        )

    @property
    def names(self) -> list[str]:
        """The relations, in order of appearance: the label of a pair is an index into this list."""
        return list(self.positives)

    @property
    def parent_names(self) -> list[str]:
        """The parent of each relation: what is before the slash in `parent/child`, or else its own name."""
        return [name.split("/")[0] for name in self.positives]

    @property
    def parents(self) -> list[int] | None:
        """The parent of each relation, by index; None, if the set has no hierarchy.

        It has one if some relation's name is written `parent/child` and there are at least two parents.
        """
        index = {name: number for number, name in enumerate(dict.fromkeys(self.parent_names))}
        if len(index) < 2 or not any("/" in name for name in self.positives):
            return None
        return [index[name] for name in self.parent_names]

    def dataset(self) -> Dataset:
        """The set as training data, without its weights: `RelationBatchSampler` is told those apart.

        Returns:
            A dataset of the columns `pair`, `[head, tail]`, and `label`: the index of the relation, or -1 - r
            for a pair that is only a negative of the relation r. Each relation's negatives follow its positives.
        """
        rows: dict[str, list[Any]] = {"pair": [], "label": []}
        for index, relation in enumerate(self.positives):
            of_relation = ((self.positives[relation], index), (self.negatives[relation], negative_label(index)))
            for pairs, label in of_relation:
                rows["pair"] += [list(pair) for pair in pairs]
                rows["label"] += [label] * len(pairs)
        return Dataset.from_dict(rows, features=FEATURES)

    def records(self) -> list[dict[str, Any]]:
        """The set as records, one a relation, with its weight if that is not 1; `from_records` is the way back."""
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
        """Add each parent as a relation of its own, with the pairs of its relations, as the relbert library does.

        It has the largest weight of its relations.
        """
        positives, negatives, weights = dict(self.positives), dict(self.negatives), dict(self.weights)
        for name, parent in zip(self.names, self.parent_names, strict=True):
            # A slash at the end tells the parent from a relation of the same name.
            positives[f"{parent}/"] = list(dict.fromkeys([*positives.get(f"{parent}/", []), *self.positives[name]]))
            negatives[f"{parent}/"] = []
            weights[f"{parent}/"] = max(self.weights[name], weights.get(f"{parent}/", 0))
        return RelationSet(positives, negatives, weights)

    def weighted(self, weight: float) -> RelationSet:
        """The same relations, with weights multiplied. Raises `ValueError` if a weight is out of range.

        >>> RelationSet({"capital": [("Tokyo", "Japan")]}, weights={"capital": 3}).weighted(0.5).weights
        {'capital': 1.5}
        """
        weight = check_weight(weight, "a relation set")
        return RelationSet(self.positives, self.negatives, {name: weight * own for name, own in self.weights.items()})

    def hold_out(self, share: float, seed: int) -> tuple[RelationSet, RelationSet]:
        """Split whole relations off: a share of them, between 0 and 1, and two at least; `seed` decides which.

        Raises `ValueError` if the share is out of range, or one of the two sets would have fewer than two relations.
        """
        if not 0 < share < 1:
            raise ValueError(f"The share of relations to hold out is {share!r}, expected a number between 0 and 1.")
        count = max(2, round(share * len(self.positives)))
        if len(self.positives) - count < 2:
            raise ValueError(
                f"Cannot hold {count} of {len(self.positives)} relations out: both parts need at least two. "
                "Use a smaller share, or a larger relation set."
            )
        held_out = set(random.Random(seed).sample(self.names, count))
        kept = [name for name in self.names if name not in held_out]
        return self.subset(kept), self.subset([name for name in self.names if name in held_out])

    def known_false_negatives(self) -> int:
        """Count the pairs that stand under several relations, or are both positive and negative of one.

        Training never pushes such a pair away from a relation it stands under.
        """
        relations_of = Counter(pair for pairs in self.positives.values() for pair in pairs)
        contradictory = {
            pair for name, pairs in self.negatives.items() for pair in set(pairs) & set(self.positives[name])
        }
        return len({pair for pair, count in relations_of.items() if count > 1} | contradictory)

    def __str__(self) -> str:
        """What is in the set, and what users may not expect of it, in a line."""
        pairs, negatives = _count(self.positives), _count(self.negatives)
        numbers = ((len(self.names), "relation"), (pairs, "pair"), (negatives, "negative"))
        parts = ["{} with {} and {}".format(*(counted(*number) for number in numbers))]
        if single := sum(len(of_relation) == 1 for of_relation in self.positives.values()):
            parts.append(f"{counted(single, 'relation')} of a single pair, which others are only told apart from")
        if shared := self.known_false_negatives():
            shared_pairs = counted(shared, "pair")
            parts.append(f"{shared_pairs} of several relations, or on both sides of one, not pushed away")
        if weights := [weight for weight in self.weights.values() if weight != 1]:
            other = counted(len(weights), "relation")
            parts.append(f"{other} of a weight other than 1, from {min(weights):g} to {max(weights):g}")
        return "; ".join(parts)

    def subset(self, names: Iterable[str]) -> RelationSet:
        """The relations of these names, in this order."""
        names = list(names)
        return RelationSet(
            {name: self.positives[name] for name in names},
            {name: self.negatives[name] for name in names},
            {name: self.weights[name] for name in names},
        )


def load_relations(name_or_path: str | os.PathLike[str], split: str = "train") -> Dataset:
    """Load a relation set as training data: `RelationSet.load` and `RelationSet.dataset` in one.

    The dataset's `info` says where it is from and, if that is known, under which licence; the model card reads it. The
    weights of its relations are not part of it: take them from `RelationSet.weights`.

    >>> load_relations("starter", "train").column_names
    ['pair', 'label']
    """
    dataset = RelationSet.load(name_or_path, split).dataset()
    sources = sources_of(name_or_path)
    dataset.info.dataset_name, dataset.info.license = ", ".join(sources), "\n".join(as_lines(sources))
    return dataset


def read_record(record: dict[str, Any], where: str) -> tuple[str, list[Pair], list[Pair], float]:
    """Check a record, which holds a relation or a single pair of one.

    Its columns are `relation_type`, `positives` and optionally `negatives` and `weight`; or `head`, `tail` and
    `relation`. Returns the relation's name, its positives (one at least), its negatives and its weight. Raises
    `ValueError`, which calls the record `where`, if a column is missing or holds something else.
    """
    if "positives" not in record and record.keys() >= _PAIR_COLUMNS:
        require(record, sorted(_PAIR_COLUMNS), where, RELATION_EXAMPLE)
        # A column of weights would be those of the pairs.
        pair = as_pair((record["head"], record["tail"]), f"the pair of {where}")
        return check_relation_name(record["relation"], where), [pair], [], 1.0
    require(record, ["relation_type", "positives"], where, RELATION_EXAMPLE)
    relation = check_relation_name(record["relation_type"], where)
    positives = pairs_of_list(record["positives"], f"{where}, positive")
    negatives = pairs_of_list(record.get("negatives") or [], f"{where}, negative")
    if not positives:
        raise ValueError(f"{where}: the relation {relation!r} has no positives, expected at least one pair.")
    weight = record.get("weight")
    # Tables have a null where other records have a weight.
    return relation, positives, negatives, 1.0 if weight is None else check_weight(weight, where)


def check_relation_name(name: Any, where: str) -> str:
    """The name of a relation as a string; a whole number is also a name.

    Raises `ValueError` if it is blank, or holds a control character, a line break or a lone surrogate.
    """
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise ValueError(f"{where}: the relation is {name!r} of type {type(name).__name__}, expected a name.")
    text = str(name)
    if not text.strip():
        raise ValueError(f"{where}: the relation is {text!r}, expected a name with a visible character.")
    if unseen := next((char for char in text if unicodedata.category(char) in _NOT_IN_NAMES), None):
        raise ValueError(
            f"{where}: the name of the relation {text!r} holds {_NOT_IN_NAMES[unicodedata.category(unseen)]}, "
            f"{unseen!r}, expected plain text. Rename the relation."
        )
    return text


def check_weight(weight: Any, what: str) -> float:
    """The weight of what an error calls `what`. Raises `ValueError` if it is not a number above 0 and at most 1,000."""
    if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 < weight <= LARGEST_WEIGHT:
        raise ValueError(
            f"The weight of {what} is {weight!r}, expected a number above 0 and at most {LARGEST_WEIGHT:,}."
        )
    return float(weight)


def _count(pairs: dict[str, list[Pair]]) -> int:
    return sum(map(len, pairs.values()))
