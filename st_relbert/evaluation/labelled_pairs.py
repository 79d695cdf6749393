"""Word pairs with the relation each stands in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from st_relbert.pairs import Pair, as_pair
from st_relbert.sources import require

COLUMNS = ["head", "tail", "relation"]

# A label's metric is f1_{label}: these two would overwrite the averages.
_TAKEN = ("micro", "macro")


@dataclass(frozen=True)
class LabelledPairs:
    """One split of a classification data set: pairs, and the label of each."""

    split: str
    pairs: list[Pair]
    labels: list[str]

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]], split: str) -> LabelledPairs:
        """Check the records of a split.

        Args:
            records: ``head``, ``tail`` and ``relation``, strings, of each pair.
            split: What errors call the split.

        Raises:
            ValueError: If there are none, a column is missing, the pair is not two words, or the label is no string
                or one that a metric could not be named after.
        """
        pairs, labels = [], []
        for row, record in enumerate(records):
            where = f"{split}, row {row}"
            if not isinstance(record, Mapping):
                raise ValueError(f"{where} is {record!r}, expected an object with the columns {', '.join(COLUMNS)}.")
            require(dict(record), COLUMNS, where)
            pairs.append(as_pair((record["head"], record["tail"]), f"the pair of {where}"))
            labels.append(_label(record["relation"], where))
        if not pairs:
            raise ValueError(f"{split} has no rows, expected at least one.")
        return cls(split, pairs, labels)

    def require_labels_of(self, train: LabelledPairs) -> None:
        """Check that each label occurs in the training split.

        Raises:
            ValueError: If one does not: no classifier could ever predict it, so it is a slip in the data.
        """
        known = sorted(set(train.labels))
        for row, label in enumerate(self.labels):
            if label not in known:
                raise ValueError(
                    f"{self.split}, row {row} has the relation {label!r}, which no row of {train.split} has, "
                    f"expected one of {', '.join(map(repr, known))}."
                )


def _label(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ValueError(
            f"{where} has the relation {value!r} of type {type(value).__name__}, expected a string such as 'hyper'. "
            "(A ClassLabel column holds numbers: turn them into names with its int2str.)"
        )
    if not value.strip() or value in _TAKEN:
        raise ValueError(f"{where} has the relation {value!r}, expected a name other than '', 'micro' and 'macro'.")
    return str(value)
