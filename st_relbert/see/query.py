"""A question to the explorer, as typed words and as the address of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from st_relbert.pairs import Pair

NEIGHBOURS = 10
_MOST = 100
SORTS = {"best": "best first", "relation": "by relation", "head": "by the first word"}

_PARAMETERS = {"head": "a", "tail": "b", "word": "c", "more": "more", "relation": "relation", "other_words": "other",
               "number": "n", "sort": "sort"}  # fmt: skip


class ExplorerQuery(NamedTuple):
    """A question to the explorer. Blanks around words do not matter.

    Args:
        head: The head of the pair.
        tail: The tail of the pair.
        word: The word to complete in the way that the pair shows.
        more: Further pairs with the same relation, one per line.
        relation: Only neighbours with this label; empty: with any. Without a pair, all pairs with this label.
        other_words: Only neighbours that share no word with the pairs.
        number: The number of neighbours.
        sort: Their order, one of `SORTS`.
    """

    head: str = ""
    tail: str = ""
    word: str = ""
    more: str = ""
    relation: str = ""
    other_words: bool = False
    number: int = NEIGHBOURS
    sort: str = "best"

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> ExplorerQuery:
        """Return the question in an address, with defaults for missing and invalid values.

        >>> ExplorerQuery.of({"a": "Tokyo", "b": "Japan", "n": "many"})[:3]
        ('Tokyo', 'Japan', '')
        """
        values: dict[str, Any] = {field: parameters[name] for field, name in _PARAMETERS.items() if name in parameters}
        values["other_words"] = values.get("other_words") == "1"
        values["number"] = as_number(values.get("number"))
        if values.get("sort") not in SORTS:
            values["sort"] = "best"
        return cls(**values)

    @property
    def link(self) -> str:
        """The query string that asks this question, to append to the address of the page."""
        usual = ExplorerQuery()._asdict()
        asked = {
            _PARAMETERS[field]: "1" if value is True else value
            for field, value in self._asdict().items()
            if value != usual[field]
        }
        return f"?{urlencode(asked, errors='replace')}"  # somebody may have sent half of a surrogate pair

    @property
    def trimmed(self) -> ExplorerQuery:
        """The same question without blanks around the words."""
        return self._replace(head=self.head.strip(), tail=self.tail.strip(), word=self.word.strip())

    @property
    def pairs(self) -> list[Pair]:
        """The pair and the further pairs. Raises `ValueError` if a line of the latter is not a pair."""
        return [(self.head, self.tail), *map(_pair, filter(str.strip, self.more.splitlines()))]


def as_number(value: Any) -> int:
    """Return a number of neighbours from 1 to 100; the default for anything that is not a number.

    >>> as_number("7"), as_number(1000), as_number(None)
    (7, 100, 10)
    """
    try:
        return min(max(int(value), 1), _MOST)
    except (TypeError, ValueError, OverflowError):
        return NEIGHBOURS


def _pair(line: str) -> Pair:
    # The first separator that occurs, so that words may contain the others.
    for separator in ("\t", " : ", ":", ";", ","):
        head, found, tail = line.partition(separator)
        if found and head.strip() and tail.strip():
            return head.strip(), tail.strip()
    raise ValueError(f"A further pair is {line.strip()!r:.80}, expected two words such as Paris : France.")
