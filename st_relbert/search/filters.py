"""Filters of searches and deletions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Where = str | Mapping[str, Any]


def as_sql(where: Where | None, columns: Sequence[str]) -> str | None:
    """A filter as SQL.

    Args:
        where: A condition in SQL over the columns (``"relation = 'capital' AND year > 1990"``); or values by column,
            which rows must have in all of them (``{"relation": "capital"}``): whatever quotes a value holds, it is only
            compared. None: no filter.
        columns: The index's columns.

    Raises:
        ValueError: If a column is unknown, or the condition is empty.
    """
    if where is None:
        return None
    if isinstance(where, str):
        if not where.strip():
            raise ValueError("The filter is empty, expected a condition such as \"relation = 'capital'\", or None.")
        return where
    if unknown := [name for name in where if name not in columns]:
        raise ValueError(f"The filter names the column {unknown[0]!r}, expected {', '.join(columns)}.")
    if not where:
        raise ValueError('The filter names no column, expected for instance {"relation": "capital"}, or None.')
    return " AND ".join(
        f"{name} IS NULL" if value is None else f"{name} = {literal(value)}" for name, value in where.items()
    )


def literal(value: Any) -> str:
    """A value as SQL.

    >>> literal("O'Brien"), literal(3), literal(True)
    ("'O''Brien'", '3', 'true')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"
