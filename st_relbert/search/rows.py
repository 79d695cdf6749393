"""Rows of an index: columns, keys, and filters."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from st_relbert.files.columns import vector_column
from st_relbert.pairs import Pair, as_pair, check_positive
from st_relbert.vectors import PairVectors

Where = str | Mapping[str, Any]


def as_sql(where: Where | None, columns: Sequence[str]) -> str | None:
    """Write a filter as SQL.

    Args:
        where: A condition in SQL over the columns (`"relation = 'capital' AND year > 1990"`); or values by column, all
            of which a row must have (`{"relation": "capital"}`). A value may contain any quotes: it is escaped.
            None: no filter.
        columns: The index's columns.

    Raises:
        ValueError: If a column is unknown, a value has a type that no column can have, or the text is not exactly one
            condition.
    """
    if where is None:
        return None
    if isinstance(where, str):
        return _one_condition(where)
    if not isinstance(where, Mapping):
        raise ValueError(f"The filter is {where!r}, expected an SQL condition or a dict of values by column.")
    if unknown := [name for name in where if name not in columns]:
        raise ValueError(f"The filter names the column {unknown[0]!r}, expected one of {', '.join(columns)}.")
    if not where:
        raise ValueError('The filter is an empty dict, expected one such as {"relation": "capital"}, or None.')
    return " AND ".join(
        f"`{name}` IS NULL" if value is None else f"`{name}` = {literal(value)}" for name, value in where.items()
    )


# Strings and quoted names: their content is not syntax.
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|`[^`]*`""")


def _one_condition(where: str) -> str:
    """Return a condition in parentheses, after checking that it is only one: the parser ignores what follows it."""
    if not where.strip():
        raise ValueError("The filter is empty, expected a condition such as \"relation = 'capital'\", or None.")
    depth = 0
    syntax = _QUOTED.sub("''", where)
    for char in syntax:
        depth += (char == "(") - (char == ")")
        if depth < 0 or char == ";":
            break
    if depth or ";" in syntax or "--" in syntax or "/*" in syntax:
        raise ValueError(
            f"The filter {where!r} is not a single complete condition, expected one such as \"relation = 'capital' AND "
            "head != 'Paris'\", without ';' or comments, and with a ')' for each '('."
        )
    return f"({where})"


def literal(value: Any) -> str:
    """Write a value as SQL: text, a number, a boolean, a date or a time, from Python or NumPy.

    Raises `ValueError` for anything else, or if a number is not finite.

    >>> literal("O'Brien"), literal(3), literal(True), literal(np.float32(0.5))
    ("'O''Brien'", '3', 'true', '0.5')
    """
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]")  # finer units would become integers
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return repr(value)
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, datetime):
        return f"timestamp '{value.isoformat(' ')}'"
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    raise ValueError(
        f"The filter compares with {value!r} of type {type(value).__name__}, expected text, a finite number, True, "
        "False, a date, a datetime or None. Write other conditions in SQL."
    )


RESERVED = ("row_key", "head", "tail", "relation", "vector")
TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


class Row(NamedTuple):
    """A pair to add to an index."""

    pair: Pair
    relation: str | None
    columns: dict[str, Any]
    vector: Any = None

    @property
    def key(self) -> str:
        """A hash of the pair and its relation, so that adding them again has no effect."""
        content = json.dumps([*self.pair, self.relation], ensure_ascii=False)
        return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def schema_of(columns: Mapping[str, Any], dimension: int) -> pa.Schema:
    """Return the schema of a table with vectors of this dimension.

    Further columns are `str`, `int`, `float`, `bool` or an Arrow type. Raises `ValueError` if a name is taken or is not
    an identifier, or a type is unknown or cannot be stored.
    """
    fields = [(name, pa.string()) for name in RESERVED[:4]]
    taken = set(RESERVED)
    for name, kind in columns.items():
        # LanceDB reserves names that begin with "_" (_distance, _rowid). Its filters do not distinguish "Year" from
        # "year".
        if not isinstance(name, str) or name.casefold() in taken or name.startswith("_") or not name.isidentifier():
            raise ValueError(
                f"The column {name!r} cannot be created, expected a name of letters, digits and '_' that does not "
                f"begin with '_' and is not that of another column or one of {', '.join(RESERVED)}. Rename the column "
                "or leave it out."
            )
        taken.add(name.casefold())
        if kind not in TYPES and not isinstance(kind, pa.DataType):
            raise ValueError(
                f"The column {name!r} has the type {kind!r}, expected str, int, float, bool or an Arrow type."
            )
        if not _storable(TYPES.get(kind, kind)):
            raise ValueError(
                f"The column {name!r} has the type {kind}, which an index cannot hold. Convert it, or leave it out."
            )
        fields.append((name, TYPES.get(kind, kind)))
    return pa.schema([*fields, ("vector", pa.list_(pa.float32(), dimension))])


def records(values: Any) -> Any:
    """Return what to iterate over to read rows: those of a table as mappings, with None for missing values.

    Anything but an Arrow table or a DataFrame is returned as it is. Neither pandas nor polars is imported.
    """
    if isinstance(values, pa.Table):
        return values.to_pylist()
    if hasattr(values, "iter_rows"):
        return values.iter_rows(named=True)
    if hasattr(values, "columns") and hasattr(values, "notna"):
        return values.astype(object).where(values.notna(), None).to_dict("records")
    return values


_VIEWS = ("list_view", "large_list_view", "run_end_encoded")


def _storable(kind: pa.DataType) -> bool:
    """Return whether LanceDB can add rows with values of this type, to whatever table."""
    types = pa.types
    if types.is_map(kind) or types.is_union(kind) or types.is_interval(kind) or str(kind).startswith(_VIEWS):
        return False
    if types.is_struct(kind) and not kind.num_fields:
        return False
    return all(_storable(kind.field(number).type) for number in range(kind.num_fields))


def as_rows(values: Iterable[Any], columns: Iterable[str]) -> Iterator[Row]:
    """Check rows and yield them one by one.

    Rows are pairs, or mappings (or a DataFrame) with `head`, `tail` and optionally `relation`, `vector` and further
    columns. A blank relation is none. Raises `ValueError` if one is not a pair or has an unknown column.
    """
    known = {"head", "tail", "relation", "vector", *columns}
    for number, value in enumerate(records(values)):
        where = f"row {number}"
        if not isinstance(value, Mapping):
            yield Row(as_pair(value, where), None, {})
            continue
        if unknown := [name for name in value if name not in known]:
            raise ValueError(
                f"{where} has the column {unknown[0]!r}, expected one of {', '.join(sorted(known))}. Declare further "
                "columns when you create the index."
            )
        relation = value.get("relation")
        if relation is not None and not isinstance(relation, str):
            raise ValueError(f"The relation of {where} is {relation!r}, expected a string, or None.")
        relation = relation if relation and relation.strip() else None
        pair = as_pair((value.get("head"), value.get("tail")), where)
        yield Row(pair, relation, {name: value[name] for name in value if name not in RESERVED}, value.get("vector"))


class Chunk(NamedTuple):
    """Some distinct rows, and the number of rows read for them."""

    rows: list[Row]
    read: int


def chunks(rows: Iterable[Row], size: int) -> Iterator[Chunk]:
    """Yield rows in chunks, keeping only the first of equal rows within a chunk."""
    check_positive(chunk_size=size)
    rest = iter(rows)
    while chunk := list(islice(rest, size)):
        unique: dict[str, Row] = {}
        for row in chunk:
            unique.setdefault(row.key, row)
        yield Chunk(list(unique.values()), len(chunk))


def digest_of(rows: Iterable[Any], columns: Iterable[str]) -> str:
    """Check rows and return a digest that shows whether they are the same another time; see `as_rows`.

    Vectors that rows include do not count.
    """
    digest = hashlib.blake2b(digest_size=16)
    for row in as_rows(rows, columns):
        digest.update(repr(row[:3]).encode())
    return digest.hexdigest()


def vectors_of(rows: Sequence[Row], dimension: int) -> PairVectors:
    """Return the vectors that rows include.

    Raises `ValueError` if a row has no vector, or one that is not finite or whose length is not `dimension`.
    """
    for row in rows:
        if row.vector is None or np.shape(row.vector) != (dimension,) or not np.isfinite(row.vector).all():
            got = "no vector" if row.vector is None else f"a vector of shape {np.shape(row.vector)}"
            raise ValueError(
                f"The row of {row.pair!r} has {got}, expected one of {dimension} finite numbers, as in the other rows."
            )
    places = {row.pair: place for place, row in enumerate(rows)}
    return PairVectors(places, np.asarray([row.vector for row in rows], dtype=np.float32))


def as_table(rows: list[Row], vectors: NDArray[np.float32], schema: pa.Schema) -> pa.Table:
    """Return rows and their vectors, `(rows, d)`, as an Arrow table; see `schema_of`.

    Raises `ValueError` if a value has another type than its column.
    """
    data: dict[str, Any] = {
        "row_key": [row.key for row in rows],
        "head": [row.pair[0] for row in rows],
        "tail": [row.pair[1] for row in rows],
        "relation": [row.relation for row in rows],
        "vector": vector_column(vectors),
    }
    try:
        for field in schema:
            if field.name not in RESERVED:
                data[field.name] = pa.array([row.columns.get(field.name) for row in rows], field.type)
    except (pa.ArrowException, TypeError) as error:
        raise ValueError(f"The column {field.name!r} has the type {field.type}: {error}") from error
    return pa.table(data, schema=schema)
