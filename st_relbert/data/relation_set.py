"""Relation sets: word pairs by relation, as training data."""

from __future__ import annotations

import logging
import os
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from datasets import Dataset, Features, List, Value

from st_relbert.data.question_files import is_question_text, relation_pairs
from st_relbert.data.sources import read_records, require
from st_relbert.pairs import Pair, as_pair, negative_label

logger = logging.getLogger(__name__)

RELATION_EXAMPLE = '{"relation_type": "capital", "positives": [["Tokyo", "Japan"]], "negatives": [["Lyon", "France"]]}'
_PAIR_COLUMNS = {"head", "tail", "relation"}
FEATURES = Features({"pair": List(Value("string")), "label": Value("int64")})


@dataclass(frozen=True)
class RelationSet:
    """Word pairs by relation: what models are trained on.

    Args:
        positives: The pairs of each relation, all different.
        negatives: Pairs that are near but wrong, for each relation. A relation that is left out has none.

    Raises:
        ValueError: If there are negatives of a relation that has no positives.

    Examples:
        >>> relations = RelationSet({"capital": [("Tokyo", "Japan")], "young": [("puppy", "dog")]})
        >>> relations.dataset()["label"][:]
        [0, 1]
    """

    positives: dict[str, list[Pair]]
    negatives: dict[str, list[Pair]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Give each relation its negatives, if only an empty list."""
        if unknown := [name for name in self.negatives if name not in self.positives]:
            raise ValueError(
                f"There are negatives of the relation {unknown[0]!r}, which has no positives, expected one of the "
                f"relations {', '.join(self.positives) or '(none)'}."
            )
        object.__setattr__(self, "negatives", {name: self.negatives.get(name, []) for name in self.positives})

    @classmethod
    def load(cls, name_or_path: str | os.PathLike[str], split: str = "train") -> RelationSet:
        """Load a relation set.

        Args:
            name_or_path: A JSON Lines file, or a folder with one a split, in the columns of
                `relbert/semeval2012_relational_similarity`: `relation_type`, `positives` and `negatives` (lists of
                `[head, tail]`; `negatives` may be empty or left out). Or a JSON Lines, CSV, TSV or Parquet file with a
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
        """Make a relation set of records with `relation_type`, `positives` and optionally `negatives`.

        Args:
            records: The records; see `load`.
            source: What to call them in an error.
        """
        positives: dict[str, list[Pair]] = {}
        negatives: dict[str, list[Pair]] = {}
        for row, record in enumerate(records):
            where = f"{source}, row {row}"
            relation, of_positives, of_negatives = _read_record(record, where)
            if not of_positives:
                raise ValueError(f"{where}: the relation {relation!r} has no positives, expected at least one pair.")
            positives.setdefault(relation, []).extend(of_positives)
            negatives.setdefault(relation, []).extend(of_negatives)
        if len(positives) < 2:
            raise ValueError(
                f"{source} has {len(positives)} relations ({', '.join(positives) or 'none'}), expected at least two: "
                "the pairs of one are the negatives of the other."
            )
        relations = cls.merge([cls(positives, negatives)])
        copies = _count(positives) + _count(negatives) - _count(relations.positives) - _count(relations.negatives)
        if copies:
            logger.info("%s: left out %d exact copies of pairs within a relation.", source, copies)
        return relations

    @classmethod
    def merge(cls, sets: Iterable[RelationSet]) -> RelationSet:
        """Put relation sets together: relations of the same name become one, with each pair once.

        Examples:
            >>> one = RelationSet({"capital": [("Tokyo", "Japan")]})
            >>> RelationSet.merge([one, RelationSet({"capital": [("Rome", "Italy")]})]).positives
            {'capital': [('Tokyo', 'Japan'), ('Rome', 'Italy')]}
        """
        positives: dict[str, dict[Pair, None]] = {}
        negatives: dict[str, dict[Pair, None]] = {}
        for relations in sets:
            for merged, of_set in ((positives, relations.positives), (negatives, relations.negatives)):
                for name, pairs in of_set.items():
                    merged.setdefault(name, {}).update(dict.fromkeys(pairs))
        return cls(*({name: list(pairs) for name, pairs in merged.items()} for merged in (positives, negatives)))

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
        """The set as training data.

        Returns:
            A dataset of the columns `pair`, `[head, tail]`, and `label`: the index of the relation, or -1 - r
            for a pair that is nothing but a negative of the relation r. Each relation's negatives follow its positives.
        """
        rows: dict[str, list[Any]] = {"pair": [], "label": []}
        for index, relation in enumerate(self.positives):
            of_relation = ((self.positives[relation], index), (self.negatives[relation], negative_label(index)))
            for pairs, label in of_relation:
                rows["pair"] += [list(pair) for pair in pairs]
                rows["label"] += [label] * len(pairs)
        return Dataset.from_dict(rows, features=FEATURES)

    def records(self) -> list[dict[str, Any]]:
        """The set as records, one a relation; `from_records` is the way back."""
        return [
            {
                "relation_type": name,
                "positives": list(map(list, self.positives[name])),
                "negatives": list(map(list, self.negatives[name])),
            }
            for name in self.positives
        ]

    def with_parents(self) -> RelationSet:
        """Add each parent as a relation of its own, with the pairs of its relations, as the reference library does."""
        positives, negatives = dict(self.positives), dict(self.negatives)
        for name, parent in zip(self.names, self.parent_names, strict=True):
            # A slash at the end tells the parent from a relation of the same name.
            positives[f"{parent}/"] = list(dict.fromkeys([*positives.get(f"{parent}/", []), *self.positives[name]]))
            negatives[f"{parent}/"] = []
        return RelationSet(positives, negatives)

    def hold_out(self, share: float, seed: int) -> tuple[RelationSet, RelationSet]:
        """Split whole relations off.

        Args:
            share: The share of relations that go into the second set, between 0 and 1; two at least.
            seed: Decides which.

        Raises:
            ValueError: If the share is out of range, or one of the two sets would have fewer than two relations.
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
        """What is in the set, in a line."""
        single = sum(len(pairs) == 1 for pairs in self.positives.values())
        return (
            f"{len(self.positives):,} relations, {_count(self.positives):,} positive and {_count(self.negatives):,} "
            f"negative pairs; {single:,} relations of one pair (they are only pushed away from); "
            f"{self.known_false_negatives():,} known false negatives (pairs of several relations; never pushed apart)"
        )

    def subset(self, names: Iterable[str]) -> RelationSet:
        """The relations of these names, in this order."""
        names = list(names)
        return RelationSet(
            {name: self.positives[name] for name in names}, {name: self.negatives[name] for name in names}
        )


def load_relations(name_or_path: str | os.PathLike[str], split: str = "train") -> Dataset:
    """Load a relation set as training data: `RelationSet.load` and `RelationSet.dataset` in one.

    Examples:
        >>> relations = load_relations("starter", "train")
        >>> relations.column_names
        ['pair', 'label']
    """
    return RelationSet.load(name_or_path, split).dataset()


def _read_record(record: dict[str, Any], where: str) -> tuple[str, list[Pair], list[Pair]]:
    """The relation, the positives and the negatives of a record, which holds a relation or a single pair of one."""
    if "positives" not in record and record.keys() >= _PAIR_COLUMNS:
        require(record, sorted(_PAIR_COLUMNS), where, RELATION_EXAMPLE)
        return str(record["relation"]), [as_pair((record["head"], record["tail"]), f"the pair of {where}")], []
    require(record, ["relation_type", "positives"], where, RELATION_EXAMPLE)
    return (
        str(record["relation_type"]),
        _read_pairs(record["positives"], f"{where}, positive"),
        _read_pairs(record.get("negatives") or [], f"{where}, negative"),
    )


def _read_pairs(values: Any, where: str) -> list[Pair]:
    if not isinstance(values, list | tuple):
        raise ValueError(f"{where}s are {values!r}, expected a list of [head, tail].")
    return [as_pair(value, f"{where} {index}") for index, value in enumerate(values)]


def _count(pairs: dict[str, list[Pair]]) -> int:
    return sum(map(len, pairs.values()))
