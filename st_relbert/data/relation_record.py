"""The records of relation sets: one a relation, or one a pair."""

from __future__ import annotations

import unicodedata
from typing import Any

from st_relbert.data.sources import require
from st_relbert.pairs import Pair, as_pair, pairs_of_list

RELATION_EXAMPLE = '{"relation_type": "capital", "positives": [["Tokyo", "Japan"]], "negatives": [["Lyon", "France"]]}'
LARGEST_WEIGHT = 1000
"""The most that a relation may weigh. With more, a training run would see little else."""

_PAIR_COLUMNS = {"head", "tail", "relation"}
_NOT_IN_NAMES = {"Cc": "a control character", "Cs": "a lone surrogate", "Zl": "a line break", "Zp": "a line break"}


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
    """The name of a relation as a string; a whole number is one, too.

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
