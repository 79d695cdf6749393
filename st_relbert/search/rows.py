"""Where the rows of an index come from: files of pairs, or relation sets."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from st_relbert.data.sources import read_records, require
from st_relbert.files.options import TableOptions
from st_relbert.files.tables import PairTable, is_table, read_tables
from st_relbert.identity import MODEL_METADATA, ModelIdentity
from st_relbert.pairs import Pair, as_pair
from st_relbert.vectors import PairVectors

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


RESERVED = ("row_key", "head", "tail", "relation", "vector")
TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


class Row(NamedTuple):
    """A pair to be added."""

    pair: Pair
    relation: str | None
    columns: dict[str, Any]
    vector: Any = None

    @property
    def key(self) -> str:
        """Of the pair and its relation: what makes adding them again do nothing."""
        content = json.dumps([*self.pair, self.relation], ensure_ascii=False)
        return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def schema_of(columns: Mapping[str, Any], dimension: int) -> pa.Schema:
    """The columns of a table.

    Args:
        columns: The type of each further column: ``str``, ``int``, ``float``, ``bool`` or an Arrow type.
        dimension: The vectors' length.

    Raises:
        ValueError: If a name is taken or no plain one, or a type is unknown.
    """
    fields = [(name, pa.string()) for name in RESERVED[:4]]
    for name, kind in columns.items():
        if name in RESERVED or not name.isidentifier():
            raise ValueError(
                f"The column {name!r} cannot be made, expected a name of letters, digits and '_' that is none of "
                f"{', '.join(RESERVED)}."
            )
        if kind not in TYPES and not isinstance(kind, pa.DataType):
            raise ValueError(
                f"The column {name!r} has the type {kind!r}, expected str, int, float, bool or an Arrow type."
            )
        fields.append((name, TYPES.get(kind, kind)))
    return pa.schema([*fields, ("vector", pa.list_(pa.float32(), dimension))])


def as_rows(values: Iterable[Any], columns: Iterable[str]) -> Iterator[Row]:
    """Check rows one by one, as they are asked for.

    Args:
        values: Pairs, or mappings with ``head``, ``tail`` and optionally ``relation``, ``vector`` and further columns.
        columns: The further columns that there are.

    Raises:
        ValueError: If one is no pair, or has another column.
    """
    known = {"head", "tail", "relation", "vector", *columns}
    for number, value in enumerate(values):
        where = f"row {number}"
        if not isinstance(value, Mapping):
            yield Row(as_pair(value, where), None, {})
            continue
        if unknown := [name for name in value if name not in known]:
            raise ValueError(
                f"{where} has the column {unknown[0]!r}, expected {', '.join(sorted(known))}. Name further columns "
                "when the index is created."
            )
        relation = value.get("relation")
        if relation is not None and not isinstance(relation, str):
            raise ValueError(f"The relation of {where} is {relation!r}, expected a string, or None.")
        pair = as_pair((value.get("head"), value.get("tail")), where)
        yield Row(pair, relation, {name: value[name] for name in value if name not in RESERVED}, value.get("vector"))


class Chunk(NamedTuple):
    """Some rows, each only once, and how many were read for them."""

    rows: list[Row]
    read: int


def chunks(rows: Iterable[Row], size: int) -> Iterator[Chunk]:
    """Rows some thousand at a time; of equal ones within a chunk the first."""
    rest = iter(rows)
    while chunk := list(islice(rest, size)):
        unique: dict[str, Row] = {}
        for row in chunk:
            unique.setdefault(row.key, row)
        yield Chunk(list(unique.values()), len(chunk))


def vectors_of(rows: Sequence[Row], dimension: int) -> PairVectors:
    """The vectors that rows brought along.

    Args:
        rows: The rows, all with vectors.
        dimension: Their length.

    Raises:
        ValueError: If one has no vector, or one of another length or that is not finite.
    """
    for row in rows:
        if row.vector is None or np.shape(row.vector) != (dimension,) or not np.isfinite(row.vector).all():
            got = "none" if row.vector is None else f"one of the shape {np.shape(row.vector)}"
            raise ValueError(
                f"The row of {row.pair!r} has a vector that cannot be used ({got}), expected {dimension} finite "
                "numbers, as the other rows have."
            )
    places = {row.pair: place for place, row in enumerate(rows)}
    return PairVectors(places, np.asarray([row.vector for row in rows], dtype=np.float32))


def as_table(rows: list[Row], vectors: NDArray[np.float32], schema: pa.Schema) -> pa.Table:
    """Rows as an Arrow table.

    Args:
        rows: The rows.
        vectors: ``(rows, d)``.
        schema: See :func:`schema_of`.

    Raises:
        ValueError: If a value is of another type than its column.
    """
    data: dict[str, Any] = {
        "row_key": [row.key for row in rows],
        "head": [row.pair[0] for row in rows],
        "tail": [row.pair[1] for row in rows],
        "relation": [row.relation for row in rows],
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), pa.float32()), vectors.shape[1]),
    }
    try:
        for field in schema:
            if field.name not in RESERVED:
                data[field.name] = pa.array([row.columns.get(field.name) for row in rows], field.type)
    except (pa.ArrowException, TypeError) as error:
        raise ValueError(f"The column {field.name!r} is of the type {field.type}: {error}") from error
    return pa.table(data, schema=schema)


_RELATION_SET = ("relation_type", "positives")


@dataclass(frozen=True)
class PairSource:
    """Rows for :meth:`RelationIndex.add`.

    Args:
        rows: The rows, read as they are asked for.
        columns: The Arrow types of the columns besides head, tail and relation.
        total: The number of rows.
        identity: The model whose vectors the rows have already, if they have.
    """

    rows: Iterator[Mapping[str, Any]]
    columns: dict[str, Any]
    total: int
    identity: ModelIdentity | None = None


def open_pair_source(name_or_path: str, options: TableOptions = TableOptions()) -> PairSource:  # noqa: B008  # frozen
    """Open a file of pairs or a relation set.

    Args:
        name_or_path: A table of pairs, optionally with ``relation`` and further columns (see `read_table`). Or what
            ``st-relbert encode`` wrote, a Parquet file or a folder of them: its vectors are taken as they are. Or a
            relation set, whose positive pairs are labelled with their relations: a JSON Lines file with
            ``relation_type`` and ``positives``, a folder with ``train.jsonl``, a data set on the hub, or ``"starter"``.
        options: How a table is read.

    Raises:
        ValueError: If it is none of these.
    """
    if not is_table(name_or_path):
        return _relation_set(name_or_path)
    try:
        return _from_tables(read_tables(name_or_path, options, vectors=True))
    except ValueError:
        if not _is_relation_set(name_or_path):
            raise
        return _relation_set(name_or_path)


def _from_tables(tables: Sequence[PairTable]) -> PairSource:
    first = tables[0]
    taken = (first.head, first.tail, first.relation, "vector")
    further = {field.name: field.type for field in first.schema if field.name not in taken}
    identities = [_identity(table.schema, table.path) for table in tables]
    if any(identity != identities[0] for identity in identities):
        raise ValueError(f"The files beside {first.path!r} hold vectors of several models. Add those of one model.")
    rows = (row for table in tables for batch in table.batches() for row in _rows(batch, table))
    return PairSource(rows, further, sum(table.rows for table in tables), identities[0])


def _rows(batch: Any, table: PairTable) -> Iterator[dict[str, Any]]:
    taken = (table.head, table.tail, table.relation, "vector")
    further = batch.select([name for name in batch.schema.names if name not in taken]).to_pylist()
    rows = (
        {"head": head, "tail": tail, **values} for (head, tail), values in zip(table.pairs(batch), further, strict=True)
    )
    if table.relation:
        relations = batch.column(table.relation).to_pylist()
        rows = ({**row, "relation": relation} for row, relation in zip(rows, relations, strict=True))
    if "vector" not in batch.schema.names:
        return rows
    column = batch.column("vector")
    vectors = column.flatten().to_numpy().reshape(len(column), -1)
    return ({**row, "vector": vector} for row, vector in zip(rows, vectors, strict=True))


def _identity(schema: Any, path: str) -> ModelIdentity | None:
    """Whose the vectors are, if there are any."""
    if "vector" not in schema.names:
        return None
    metadata = schema.metadata or {}
    if MODEL_METADATA not in metadata:
        raise ValueError(
            f"{path!r} has a column 'vector', but does not name the model that made it, as st-relbert encode does. "
            "Rename the column, and the pairs are encoded anew."
        )
    return ModelIdentity.from_json(metadata[MODEL_METADATA])


def _is_relation_set(path: str) -> bool:
    if not os.path.isfile(path) or not path.lower().endswith(".jsonl"):
        return False
    records, _ = read_records(path, [])
    return bool(records) and all(column in records[0] for column in _RELATION_SET)


def _relation_set(name_or_path: str) -> PairSource:
    records, source = read_records(name_or_path, ["train"])
    for number, record in enumerate(records):
        require(record, _RELATION_SET, f"{source}, row {number}")
    labelled = [
        (str(record["relation_type"]), as_pair(pair, f"{source}, row {number}, positive {position}"))
        for number, record in enumerate(records)
        for position, pair in enumerate(record["positives"])
    ]
    rows = ({"head": head, "tail": tail, "relation": relation} for relation, (head, tail) in labelled)
    return PairSource(rows, {}, len(labelled))
