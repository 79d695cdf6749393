"""A pair that may go into the relation set."""

from __future__ import annotations

from dataclasses import dataclass

from st_relbert.pairs import Pair


@dataclass(frozen=True)
class Candidate:
    """A pair of words with its relation.

    Args:
        relation: The relation, ``parent/child`` or a name alone.
        pair: Head and tail.
        symmetric: Whether the relation also holds from tail to head. If not, the reversed pair is a negative.
    """

    relation: str
    pair: Pair
    symmetric: bool = False
