"""Options for reading tables of pairs: which columns, with or without a header, in which encoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from st_relbert.pairs import check_positive

TYPES = ("int", "float", "bool")

_DEFAULT_COLUMNS = ("head", "tail")


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """How to read tables of pairs. The defaults fit most files with a header.

    Columns are given by name, or by number from 1 (in JSON, in the order in which they first occur). Case is ignored
    unless the file has both spellings.

    Args:
        columns: The columns of heads and tails. A column of pairs (lists of two words, or objects with `head` and
            `tail`) is named twice. By default `head` and `tail`, or else `pair`; in a file without a header, the first
            two columns.
        relation: The column of relations. None: the column `relation`, if there is one.
        header: Whether the first row of separated values contains the names of the columns.
        separator: The character that separates the values of a row. None: detected from the file's first line.
        encoding: The encoding of text. None: the one given by a byte-order mark, or else UTF-8.
        drop: Columns to leave out.
        types: `"int"`, `"float"` or `"bool"` by column, for separated values. All other columns are text.
        chunk_rows: The number of rows in memory at a time.

    Raises:
        ValueError: If the separator is not one character, the number of columns is not two, a type is unknown, or
            `chunk_rows` is not positive.

    Examples:
        >>> TableOptions(columns=("subject", "object"), separator=";").find_pair(["Object", "Subject", "year"])
        ('Subject', 'Object')
    """

    columns: Sequence[str | int] = _DEFAULT_COLUMNS
    relation: str | int | None = None
    header: bool = True
    separator: str | None = None
    encoding: str | None = None
    drop: Sequence[str | int] = ()
    types: Mapping[str | int, str] = field(default_factory=dict)
    chunk_rows: int = 8192

    def __post_init__(self) -> None:
        if isinstance(self.columns, str) or len(self.columns) != 2:
            raise ValueError(f"The columns are {self.columns!r}, expected two, for heads and tails.")
        separator = {"\\t": "\t", "tab": "\t"}.get(self.separator or "", self.separator)
        if separator is not None and (len(separator) != 1 or separator in '"\r\n'):
            raise ValueError(f"The separator is {self.separator!r}, expected one character such as ';', or 'tab'.")
        for column, kind in self.types.items():
            if kind not in TYPES:
                raise ValueError(f"The type of the column {column} is {kind!r}, expected one of {', '.join(TYPES)}.")
        check_positive(chunk_rows=self.chunk_rows)
        object.__setattr__(self, "separator", separator)

    def likely_names(self) -> set[str]:
        """Return names in lower case, some of which should be in a header."""
        return {str(name).casefold() for name in (*self.columns, "head", "tail", "pair", "relation")}

    def names_by_place(self, count: int) -> list[str]:
        """Return names for the columns of a file without a header: `head`, `tail`, `relation`, `column_4`.

        Raises `ValueError` if an option refers to a column by name, or by a number that does not exist.
        """
        pair = [1, 2] if tuple(self.columns) == _DEFAULT_COLUMNS else list(dict.fromkeys(self.columns))
        roles = {"pair": pair[0]} if len(pair) == 1 else {"head": pair[0], "tail": pair[1]}
        if self.relation is not None:
            roles["relation"] = self.relation
        names = [f"column_{number}" for number in range(1, count + 1)]
        for role, column in roles.items():
            if not str(column).isdecimal() or not 1 <= int(column) <= count:
                raise ValueError(
                    f"there is no column {column!r}: without a header, columns are numbered, here from 1 to {count}."
                )
            names[int(column) - 1] = role
        return names

    def by_name(self, names: Sequence[str]) -> TableOptions:
        """Return the options with names instead of numbers, for a file that has these columns.

        Columns that it does not have stay as they are given.
        """
        relation = None if self.relation is None else find_column(self.relation, names) or self.relation
        columns = tuple(find_column(column, names) or column for column in self.columns)
        drop = tuple(find_column(column, names) or column for column in self.drop)
        return replace(self, columns=columns, relation=relation, drop=drop)

    def by_role(self, names: Sequence[str]) -> TableOptions:
        """Return the options with names instead of numbers, for a file without a header; see `names_by_place`."""
        relation = None if self.relation is None else "relation"
        return replace(self, columns=_DEFAULT_COLUMNS, relation=relation, drop=self._dropped(names))

    def kept(self, names: Sequence[str]) -> list[str]:
        """Return the columns that are not left out. Raises `ValueError` if a column to leave out does not exist."""
        dropped = set(self._dropped(names))
        return [name for name in names if name not in dropped]

    def find_pair(self, names: Sequence[str]) -> tuple[str, str]:
        """Return the columns of heads and tails, or the column of pairs twice. Raises `ValueError` if none is there."""
        head, tail = (find_column(column, names) for column in self.columns)
        pair = find_column("pair", names)
        if head is None and tail is None and pair is not None and tuple(self.columns) == _DEFAULT_COLUMNS:
            return pair, pair
        if head is None or tail is None:
            found = dict(zip(self.columns, (head, tail), strict=True))
            missing = " and no ".join(str(column) for column, name in found.items() if name is None)
            raise ValueError(
                f"it has the columns {', '.join(names)}, but no {missing}. Rename the columns in the first line. Or, "
                "if the command has these options, name yours with --columns HEAD TAIL, or pass --no-header if the "
                "first line is already a pair."
            )
        return head, tail

    def find_relation(self, names: Sequence[str]) -> str | None:
        """Return the column of relations, if there is one. Raises `ValueError` if it was named and does not exist."""
        found = find_column("relation" if self.relation is None else self.relation, names)
        if found is None and self.relation is not None:
            raise ValueError(f"it has the columns {', '.join(names)}, but no {self.relation}.")
        return found

    def _dropped(self, names: Sequence[str]) -> tuple[str, ...]:
        found = {column: find_column(column, names) for column in self.drop}
        if missing := [column for column, name in found.items() if name is None]:
            raise ValueError(f"there is no column {missing[0]!r} to leave out (the columns are {', '.join(names)}).")
        return tuple(name for name in found.values() if name is not None)


def find_column(column: str | int, names: Sequence[str]) -> str | None:
    """Return the name of the column that a name or number refers to, or None.

    >>> find_column("HEAD", ["Head", "tail"]), find_column(2, ["Head", "tail"]), find_column("x", ["Head", "tail"])
    ('Head', 'tail', None)
    """
    text = str(column)
    if text in names:
        return text
    alike = [name for name in names if name.casefold() == text.casefold()]
    if len(alike) == 1:
        return alike[0]
    return names[int(text) - 1] if text.isdecimal() and 1 <= int(text) <= len(names) else None
