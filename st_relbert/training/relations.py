"""Relation sets: word pairs, labelled with their relation, as training data."""

from __future__ import annotations

import os
from typing import Any

from datasets import Dataset, Features, List, Value

from st_relbert.pairs import Pair, as_pair
from st_relbert.sources import read_records, require

NEGATIVE = -1
"""The label of a pair that is nothing but a negative."""

FEATURES = Features({"pair": List(Value("string")), "label": Value("int64")})


def load_relations(name_or_path: str | os.PathLike[str], split: str = "train") -> Dataset:
    """Load a relation set as training data.

    Args:
        name_or_path: A JSON Lines file, or a folder with one a split, in the columns of
            ``relbert/semeval2012_relational_similarity``: ``relation_type``, ``positives`` and ``negatives`` (lists of
            ``[head, tail]``; ``negatives`` may be empty or left out). Or a data set of that kind on the hub. Or
            ``"starter"``, the set that the package ships. Records of the same relation are put together.
        split: ``"train"`` or ``"validation"``.

    Returns:
        A dataset of the columns ``pair``, ``[head, tail]``, and ``label``: the index of the relation in order of
        appearance, or :data:`NEGATIVE` for a pair that is a negative only. Each relation's negatives follow its
        positives.

    Raises:
        ValueError: If nothing is there, a record is malformed (the error names its row), or there are fewer than two
            relations.

    Example:
        >>> relations = load_relations("starter", "train")
        >>> relations.column_names
        ['pair', 'label']
    """
    records, source = read_records(name_or_path, [split])
    return relations_dataset(records, source)


def relations_dataset(records: list[dict[str, Any]], source: str = "relations") -> Dataset:
    """Turn the records of a relation set into training data; see :func:`load_relations`.

    Args:
        records: Dicts of ``relation_type``, ``positives`` and optionally ``negatives``.
        source: What to call the records in an error.
    """
    positives: dict[str, list[Pair]] = {}
    negatives: dict[str, list[Pair]] = {}
    for row, record in enumerate(records):
        where = f"{source}, row {row}"
        require(record, ["relation_type", "positives"], where)
        relation = str(record["relation_type"])
        pairs = _read_pairs(record["positives"], f"{where}, positive")
        if not pairs:
            raise ValueError(f"{where}: the relation {relation!r} has no positives, expected at least one pair.")
        positives.setdefault(relation, []).extend(pairs)
        negatives.setdefault(relation, []).extend(_read_pairs(record.get("negatives") or [], f"{where}, negative"))
    if len(positives) < 2:
        raise ValueError(
            f"{source} has {len(positives)} relations ({', '.join(positives) or 'none'}), expected at least two: "
            "the pairs of one are the negatives of the other."
        )
    rows: dict[str, list[Any]] = {"pair": [], "label": []}
    for index, relation in enumerate(positives):
        for pairs, label in ((positives[relation], index), (negatives[relation], NEGATIVE)):
            distinct = dict.fromkeys(pairs)
            rows["pair"] += [list(pair) for pair in distinct]
            rows["label"] += [label] * len(distinct)
    return Dataset.from_dict(rows, features=FEATURES)


def _read_pairs(values: Any, where: str) -> list[Pair]:
    if not isinstance(values, list | tuple):
        raise ValueError(f"{where}s are {values!r}, expected a list of [head, tail].")
    return [as_pair(value, f"{where} {index}") for index, value in enumerate(values)]
