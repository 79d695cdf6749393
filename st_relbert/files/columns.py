"""Columns of tables as Arrow has them: made of cells, of JSON's values or of vectors, and brought to one type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_UNFIT = (pa.ArrowException, OverflowError, UnicodeError)  # a value that a column cannot hold
_DEEPEST = 64  # levels of lists and objects in a column; Arrow crashes at very many


def text_column(cells: Sequence[str], field: pa.Field, places: Sequence[str]) -> pa.Array:
    """Make an array of the field's type from the cells of a column; empty cells are missing unless it is text.

    Raises `ValueError` for a cell that is not of the type, and names its place.
    """
    if field.type == pa.string():
        return pa.array(cells, field.type)
    try:
        return pa.array([cell or None for cell in cells], pa.string()).cast(field.type)
    except pa.ArrowException:
        for place, cell in zip(places, cells, strict=True):  # find the row
            try:
                pa.scalar(cell or None, pa.string()).cast(field.type)
            except pa.ArrowException as error:
                raise ValueError(f"the column {field.name!r} holds {cell!r:.60} in {place}: {error}.") from error
        raise


def json_column(values: list[Any], name: str, places: Sequence[str]) -> pa.Array:
    """Make an array of JSON's values, of the type that holds all of them.

    Raises `ValueError` for the first value that does not fit, and names its place.
    """
    try:
        return pa.array(values)
    except _UNFIT as error:
        kind = pa.null()
        for place, value in zip(places, values, strict=True):  # find the row
            try:
                kind = _unified_types(kind, pa.array([value]).type)
            except _UNFIT as cause:
                raise ValueError(_unfit(name, kind, place, value)) from cause
        raise ValueError(_unfit(name, kind, places[0], values[0])) from error


def vector_column(vectors: NDArray[np.float32]) -> pa.FixedSizeListArray:
    """A column of vectors `(n, d)`, as lists of `d` float32."""
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), pa.float32()), vectors.shape[1])


def column_vectors(column: pa.FixedSizeListArray) -> NDArray[np.float32]:
    """The vectors `(n, d)` of a column."""
    vectors: NDArray[np.float32] = column.flatten().to_numpy().reshape(-1, column.type.list_size)
    return vectors


def _unfit(name: str, kind: pa.DataType, place: str, value: Any) -> str:
    return (
        f"the column {name!r} holds {value!r:.60} in {place}, which does not go with the values before it ({kind}). "
        f"Make them alike, or leave the column out with --drop {name}."
    )


def merged_schema(schema: pa.Schema, further: pa.Schema, place: str) -> pa.Schema:
    """The columns of a table with those of further rows, which begin at `place`.

    Raises `ValueError` if nothing unites the types of a column, or it is nested too deeply.
    """
    if further.equals(schema):
        return schema
    try:
        merged = unified(schema, further)
    except pa.ArrowException as error:
        raise ValueError(
            f"the rows from {place} on have values of another type than those before: {error}. "
            "Make them alike, or leave the column out with --drop."
        ) from error
    for field in merged:
        if _depth(field.type) > _DEEPEST:
            raise ValueError(f"the column {field.name!r} is nested too deeply. Leave it out with --drop {field.name}.")
    return merged


def unified(first: pa.Schema, second: pa.Schema) -> pa.Schema:
    """The columns of both, with types that hold the values of both; an Arrow error if there are none."""
    return pa.unify_schemas([first, second], promote_options="permissive").with_metadata(first.metadata)


def _unified_types(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    return unified(pa.schema([("value", first)]), pa.schema([("value", second)])).field("value").type


def _depth(kind: pa.DataType) -> int:
    depth = 0
    inner = [kind]
    while inner and depth <= _DEEPEST:
        depth += 1
        inner = [each.field(number).type for each in inner for number in range(each.num_fields)]
    return depth


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Rows with the columns and types of a schema: absent ones are empty, and whole numbers become fractions.

    Raises `ValueError` if a value does not fit.
    """
    arrays = []
    for field in schema:
        column = batch.column(field.name) if field.name in batch.schema.names else pa.nulls(len(batch), field.type)
        try:
            arrays.append(column if column.type == field.type else pa.array(column.to_pylist(), field.type))
        except _UNFIT as error:
            raise ValueError(
                f"the column {field.name!r} does not fit the type {field.type}: {error}. Make its values alike, or "
                f"leave it out with --drop {field.name}."
            ) from error
    return pa.record_batch(arrays, schema)
