"""What was typed in the explorer, and the same as the address of a page."""

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
    """What was typed; blanks around it do not count.

    Args:
        head: The head of the pair.
        tail: Its tail.
        word: The word to complete, of which the pair shows how.
        more: Further pairs related in the same way, one a line.
        relation: Neighbours of this label only; empty: of any. Without a pair, the pairs with this label.
        other_words: Only neighbours that share no word with the pairs.
        number: How many neighbours.
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
        """The question of an address; what is missing or makes no sense is as it is at first.

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
        """The address that asks this question, as it follows that of the page."""
        usual = ExplorerQuery()._asdict()
        asked = {
            _PARAMETERS[field]: "1" if value is True else value
            for field, value in self._asdict().items()
            if value != usual[field]
        }
        return f"?{urlencode(asked)}"

    @property
    def trimmed(self) -> ExplorerQuery:
        """The same without blanks around the words."""
        return self._replace(head=self.head.strip(), tail=self.tail.strip(), word=self.word.strip())

    @property
    def pairs(self) -> list[Pair]:
        """The pair and the further ones. Raises `ValueError` if a line of these is no pair."""
        return [(self.head, self.tail), *map(_pair, filter(str.strip, self.more.splitlines()))]


def as_number(value: Any) -> int:
    """A number of neighbours from 1 to 100; the usual one for what is no number.

    >>> as_number("7"), as_number(1000), as_number(None)
    (7, 100, 10)
    """
    try:
        return min(max(int(value), 1), _MOST)
    except (TypeError, ValueError, OverflowError):
        return NEIGHBOURS


def _pair(line: str) -> Pair:
    # A colon, comma or semicolon, or a tab; the first that occurs, so that words may hold the others.
    for separator in ("\t", " : ", ":", ";", ","):
        head, found, tail = line.partition(separator)
        if found and head.strip() and tail.strip():
            return head.strip(), tail.strip()
    raise ValueError(f"A further pair is {line.strip()!r:.80}, expected two words, as in Paris : France.")
