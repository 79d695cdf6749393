"""Make Arrow columns from text cells, JSON values or vectors, and unify their types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_UNFIT = (pa.ArrowException, OverflowError, UnicodeError)  # a value that a column cannot hold
_DEEPEST = 64  # levels of lists and objects in a column; Arrow crashes at very many


def text_column(cells: Sequence[str], field: pa.Field, places: Sequence[str]) -> pa.Array:
    """Make an array of the field's type from the cells of a column. Empty cells become null unless the type is text.

    Raises `ValueError` for a cell that does not have the type; the message names its place.
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
                raise ValueError(f"the column {field.name!r} has {cell!r:.60} in {place}: {error}.") from error
        raise


def json_column(values: list[Any], name: str, places: Sequence[str]) -> pa.Array:
    """Make an array from JSON values, with a type that can hold all of them.

    Raises `ValueError` for the first value that does not fit; the message names its place.
    """
    try:
        return pa.array(values)
    except _UNFIT:
        kind = pa.null()
        for place, value in zip(places, values, strict=True):  # find the row
            try:
                kind = _unified_types(kind, pa.array([value]).type)
            except _UNFIT as cause:
                raise ValueError(_unfit(name, kind, place, value)) from cause
        # All types agree. If a value does not fit their common type, it is an integer that no float is equal to.
        return _array(values, kind, name, places)


def _array(values: list[Any], kind: pa.DataType, name: str, places: Sequence[str]) -> pa.Array:
    """Make an array of a type. Raises `ValueError` for the first value that does not fit; it names the place."""
    try:
        return pa.array(values, kind)
    except _UNFIT:
        for place, value in zip(places, values, strict=True):  # find the row
            try:
                pa.array([value], kind)
            except _UNFIT as error:
                raise ValueError(_unfit(name, kind, place, value)) from error
        raise


def vector_column(vectors: NDArray[np.float32]) -> pa.FixedSizeListArray:
    """Make a column from vectors of shape `(n, d)`, as lists of `d` float32 values."""
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), pa.float32()), vectors.shape[1])


def column_vectors(column: pa.FixedSizeListArray) -> NDArray[np.float32]:
    """Return the vectors of a column, of shape `(n, d)`."""
    vectors: NDArray[np.float32] = column.flatten().to_numpy().reshape(-1, column.type.list_size)
    return vectors


def _unfit(name: str, kind: pa.DataType, place: str, value: Any) -> str:
    reason = "cannot be stored" if kind == pa.null() else f"does not fit the other values ({kind})"
    return (
        f"the column {name!r} has {value!r:.60} in {place}, which {reason}. Give all values the same type, or leave "
        f"the column out with --drop {name}."
    )


def merged_schema(schema: pa.Schema, further: pa.Schema, place: str) -> pa.Schema:
    """Merge the schema of a table with that of further rows, which begin at `place`.

    Raises `ValueError` if the types of a column cannot be unified, or a column is nested too deeply.
    """
    if further.equals(schema):
        return schema
    try:
        merged = unified(schema, further)
    except pa.ArrowException as error:
        raise ValueError(
            f"the rows from {place} on have values of a different type from those before: {error}. "
            "Give all values the same type, or leave the column out with --drop."
        ) from error
    for field in merged:
        if _depth(field.type) > _DEEPEST:
            raise ValueError(f"the column {field.name!r} is nested too deeply. Leave it out with --drop {field.name}.")
    return merged


def unified(first: pa.Schema, second: pa.Schema) -> pa.Schema:
    """Unify two schemas, with types that can hold the values of both. Raises an Arrow error if there are none."""
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


def conform(batch: pa.RecordBatch, schema: pa.Schema, places: Sequence[str]) -> pa.RecordBatch:
    """Convert rows to the columns and types of a schema: missing columns become null, and integers become floats.

    Raises `ValueError` for a value that does not fit; the message names its place.
    """
    arrays = []
    for field in schema:
        column = batch.column(field.name) if field.name in batch.schema.names else pa.nulls(len(batch), field.type)
        same = column.type == field.type
        arrays.append(column if same else _array(column.to_pylist(), field.type, field.name, places))
    return pa.record_batch(arrays, schema)
