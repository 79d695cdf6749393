"""One result of a search."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from st_relbert.pairs import Pair


@dataclass(frozen=True)
class Hit:
    """One result of a search.

    Args:
        head: The head word.
        tail: The tail word.
        relation: The relation the pair is labelled with, if any.
        score: The cosine to the query, from -1 to 1.
        columns: The values of the index's further columns.
    """

    head: str
    tail: str
    relation: str | None
    score: float
    columns: dict[str, Any] = field(default_factory=dict)

    @property
    def pair(self) -> Pair:
        """Head and tail."""
        return self.head, self.tail
