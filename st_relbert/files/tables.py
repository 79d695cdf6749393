"""Read tables of pairs from CSV, TSV, JSON, JSON Lines and Parquet: first check all rows, then read them in chunks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet

from st_relbert.files.columns import conform, json_column, merged_schema, text_column, unified
from st_relbert.files.location import Location, expand
from st_relbert.files.options import TableOptions, find_column
from st_relbert.files.text import (
    COMPRESSED,
    JSON,
    SEPARATORS,
    SPREADSHEETS,
    Row,
    check_no_spreadsheet,
    of_width,
    read_json,
    read_separated,
    suffix_of,
)
from st_relbert.pairs import Pair, as_pair, as_pairs, check_relation_name, pairs_of_list

FORMATS = (*SEPARATORS, *JSON, ".parquet")
CheckPairs = Callable[[list[Pair]], object]
"""Raises `ValueError` for pairs that whatever will use them, such as an encoder, cannot take."""

_TYPES = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
_DEFAULTS = TableOptions()
_Name = str | os.PathLike[str]


class PairRow(NamedTuple):
    """A row of a table: its pair, its relation if it has one, and its place, such as `line 7`."""

    pair: Pair
    relation: Any
    place: str


@dataclass(frozen=True)
class PairTable:
    """A table of pairs whose rows have all been checked. It can be sent to other processes.

    In its schema, separated values are text, and JSON values have JSON's types. `head` and `tail` are names of columns,
    the same one for a column of pairs. `relation` is None if there is no such column.
    """

    path: str
    options: TableOptions
    schema: pa.Schema
    rows: int
    head: str
    tail: str
    relation: str | None

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, with the columns of the schema.

        Raises `ValueError` if the file can no longer be read.
        """
        for chunk in self._chunks():
            yield chunk.batch

    def _chunks(self) -> Iterator[_Chunk]:
        with _reading(self.path):
            for places, batch in _open(self.path, self.options).chunks:
                yield _Chunk(places, conform(batch, self.schema, places))

    def pairs(self, rows: pa.RecordBatch | pa.Table) -> list[Any]:
        """Return the pairs of some rows."""
        return _pairs(rows, self.head, self.tail)

    def records(self) -> Iterator[PairRow]:
        """Yield the rows. The relation of a row without one is None."""
        for places, batch in self._chunks():
            relations = batch.column(self.relation).to_pylist() if self.relation else [None] * len(batch)
            yield from map(PairRow, self.pairs(batch), relations, places)


def is_table(name: _Name) -> bool:
    """Return whether a path or URI has the suffix of a table, or is a folder of Parquet files."""
    return suffix_of(name) in FORMATS or any(each.endswith(".parquet") for each in Location.of(name).names())


def read_tables(
    paths: _Name | Iterable[_Name],
    options: TableOptions = _DEFAULTS,
    *,
    vectors: bool = False,
    check: CheckPairs | None = None,
) -> list[PairTable]:
    """Read one or more tables with the same columns; see `read_table`.

    A path or URI may have `*` in its last part for several files, or be a folder of Parquet files. All tables get the
    same schema. Raises `ValueError` if a table cannot be read or has other columns than the first.
    """
    patterns = [paths] if isinstance(paths, str | os.PathLike) else paths
    names = [name for pattern in patterns for name in expand(pattern)]
    if not names:
        raise ValueError("There are no files, expected at least one table of pairs.")
    tables = [read_table(name, options, vectors=vectors, check=check) for name in names]
    schema = tables[0].schema
    for table in tables:
        try:
            if set(table.schema.names) != set(schema.names):
                raise ValueError
            schema = unified(schema, table.schema)
        except (pa.ArrowException, ValueError) as error:
            raise ValueError(
                f"{table.path!r} has the columns {_described(table.schema)}, expected those of {tables[0].path!r}: "
                f"{_described(tables[0].schema)}. Leave columns out with --drop."
            ) from error
    return [table if table.schema.equals(schema) else _convertible(replace(table, schema=schema)) for table in tables]


def read_table(
    path: _Name, options: TableOptions = _DEFAULTS, *, vectors: bool = False, check: CheckPairs | None = None
) -> PairTable:
    """Read a table of pairs from the first to the last row, and check all rows.

    Args:
        path: A file, or its URI in an object store: CSV (`.csv`), TSV (`.tsv`, `.tab`; quotes are ordinary characters),
            either (`.txt`), a JSON array (`.json`), JSON Lines (`.jsonl`, `.ndjson`), each also compressed (`.gz`,
            `.bz2`, `.zst`), or Parquet. In a relation set in JSON, with objects of `relation_type` and `positives`,
            each positive pair is a row.
        options: How to read the file.
        vectors: Whether the file may have a column `vector`, as files written by `encode_files` do.
        check: A further check of the pairs. It is called with a few thousand pairs at a time.

    Raises:
        ValueError: If the file cannot be read, lacks a column, or has a row that is not a pair; the message names the
            line.
    """
    path = os.fspath(path)
    if suffix_of(path) not in (*FORMATS, *SPREADSHEETS):
        raise ValueError(
            f"{path!r} does not have the name of a table, expected one that ends in {', '.join(FORMATS)} (compressed "
            f"text in {', '.join(COMPRESSED)})."
        )
    if not Location.of(path).info.is_file:
        raise ValueError(f"{path!r} does not exist, expected a file of pairs.")
    check_no_spreadsheet(path)
    with _reading(path):
        named, schema, chunks = _open(path, options)
        rows, promoted = 0, False
        for chunk in chunks:
            merged = merged_schema(schema, chunk.batch.schema, chunk.places[0])
            promoted |= any(merged.field(field.name).type != field.type for field in schema)
            schema = merged
            conform(chunk.batch, schema, chunk.places)  # a large integer may not fit a column of floats
            _check_pairs(chunk, *named.find_pair(schema.names), check)
            rows += len(chunk.batch)
        if "vector" in schema.names and not vectors:
            raise ValueError("it already has a column 'vector'. Rename it, or leave it out with --drop vector.")
        head, tail = named.find_pair(schema.names)
        relation = named.find_relation(schema.names)
    table = PairTable(path, options, schema, rows, head, tail, relation)
    return _convertible(table) if promoted else table


class _Chunk(NamedTuple):
    """Consecutive rows, and the place of each in the file."""

    places: Sequence[str]
    batch: pa.RecordBatch


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """Add the name of the file to errors of reading."""
    try:
        yield
    except (pa.ArrowException, OSError, EOFError, ValueError) as error:
        raise ValueError(f"Cannot read {path!r}: {error}") from error


class _Opened(NamedTuple):
    """A table before it is read: its options, with names for all columns; the columns known so far; and the rows."""

    options: TableOptions
    schema: pa.Schema
    chunks: Iterator[_Chunk]


def _open(path: str, options: TableOptions) -> _Opened:
    place = Location.of(path)
    suffix = suffix_of(place.path)
    if options.types and suffix not in SEPARATORS:
        raise ValueError("its columns already have types. Leave out --type, which is for CSV and TSV.")
    if suffix in JSON:
        return _open_json(read_json(place, options.encoding), options)
    if suffix in SEPARATORS:
        names, rows = read_separated(place, options)
        return _open_text(names, rows, options.by_name(names) if options.header else options.by_role(names))
    file = pa.parquet.ParquetFile(place.filesystem.open_input_file(place.path))
    schema = file.schema_arrow
    kept = options.kept(schema.names)
    if len(set(schema.names)) < len(schema.names):
        raise ValueError(f"it has two columns with the same name: {', '.join(schema.names)}.")
    named = pa.schema([schema.field(name) for name in kept], schema.metadata)
    return _Opened(options.by_name(schema.names), named, _parquet_chunks(file, kept, options.chunk_rows))


def _open_text(names: list[str], rows: Iterator[Row], options: TableOptions) -> _Opened:
    typed: dict[str, str | int] = {}
    for column in options.types:
        name = find_column(column, names)
        if name is None:
            raise ValueError(f"there is no column {column!r} for the type (the columns are {', '.join(names)}).")
        if name in typed:
            raise ValueError(f"the column {name!r} has two types, as {typed[name]!r} and as {column!r}. Remove one.")
        typed[name] = column
    types = {name: _TYPES[options.types[column]] for name, column in typed.items()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in options.kept(names)])
    return _Opened(options, schema, _text_chunks(rows, names, schema, options.chunk_rows))


def _open_json(rows: Iterator[Row], options: TableOptions) -> _Opened:
    first = next(rows, None)
    if first is None:
        raise ValueError("it is empty.")
    rows = (row for each in chain([first], rows) for row in rows_of_relation(each))
    if isinstance(first.cells, list):  # without names
        names = options.names_by_place(len(first.cells))
        options = options.by_role(names)
        rows = (Row(place, dict(zip(names, cells, strict=True))) for place, cells in of_width(rows, len(names)))
    else:  # numbers count the columns as read, before any is left out
        some = list(islice(rows, options.chunk_rows))
        options = options.by_name(list(_names(some)))
        rows = chain(some, rows)
    return _Opened(options, pa.schema([]), _json_chunks(rows, options))


def rows_of_relation(row: Row) -> Iterator[Row]:
    """Yield a row for each positive pair of a row of JSON that is a relation. Any other row is yielded as it is.

    Raises `ValueError` for a relation without a valid name, or a positive that is not a pair.
    """
    if not isinstance(row.cells, dict) or "positives" not in row.cells:
        yield row
        return
    if "relation_type" not in row.cells:
        raise ValueError(f"{row.place} has positives but no 'relation_type', expected the name of their relation.")
    place = f"{row.place}, positive"
    relation = check_relation_name(row.cells["relation_type"], row.place)
    for number, (head, tail) in enumerate(pairs_of_list(row.cells["positives"], place)):
        yield Row(f"{place} {number}", {"head": head, "tail": tail, "relation": relation})


def _parquet_chunks(file: Any, names: list[str], size: int) -> Iterator[_Chunk]:
    with file:
        first = 0
        for batch in file.iter_batches(size, columns=names):
            yield _Chunk([f"row {number}" for number in range(first, first + len(batch))], batch)
            first += len(batch)


def _text_chunks(rows: Iterable[Row], names: list[str], schema: pa.Schema, size: int) -> Iterator[_Chunk]:
    for some in _some(rows, size):
        columns = dict(zip(names, zip(*(row.cells for row in some), strict=True), strict=True))
        places = [row.place for row in some]
        arrays = [text_column(columns[field.name], field, places) for field in schema]
        yield _Chunk(places, pa.record_batch(arrays, schema))


def _json_chunks(rows: Iterable[Row], options: TableOptions) -> Iterator[_Chunk]:
    seen: dict[str, None] = {}
    for some in _some(rows, options.chunk_rows):
        places = [row.place for row in some]
        seen |= _names(some)
        dropped = {find_column(column, list(seen)) for column in options.drop}
        names = [name for name in seen if name not in dropped]
        arrays = [json_column([row.cells.get(name) for row in some], name, places) for name in names]
        yield _Chunk(places, pa.record_batch(arrays, names))
    options.kept(list(seen))  # columns to leave out must exist in some row


def _names(rows: Iterable[Row]) -> dict[str, None]:
    """Return the names in rows of JSON objects, in the order in which they first occur."""
    names: dict[str, None] = {}
    for place, cells in rows:
        if not isinstance(cells, dict):
            raise ValueError(f"{place} is a list, expected an object as in the rows before.")
        names |= dict.fromkeys(cells)
    return names


def _some(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Yield `size` rows at a time."""
    rest = iter(rows)
    while some := list(islice(rest, size)):
        yield some


def _convertible(table: PairTable) -> PairTable:
    """Return the table after checking that all rows fit its schema, because later rows may have changed a type."""
    for _ in table.batches():
        pass
    return table


def _check_pairs(chunk: _Chunk, head: str, tail: str, check: CheckPairs | None) -> None:
    pairs = _pairs(chunk.batch, head, tail)
    try:
        checked = as_pairs(pairs)
        if check is not None:
            check(checked)
    except ValueError:
        for place, pair in zip(chunk.places, pairs, strict=True):  # find the row, to name it
            words = as_pair(pair, place)
            try:
                if check is not None:
                    check([words])
            except ValueError as error:
                raise ValueError(f"{place}: {error}") from error
        raise


def _pairs(rows: pa.RecordBatch | pa.Table, head: str, tail: str) -> list[Any]:
    if head != tail:
        return list(zip(rows.column(head).to_pylist(), rows.column(tail).to_pylist(), strict=True))
    return [pair_of_cell(value) for value in rows.column(head).to_pylist()]


def pair_of_cell(value: Any) -> Any:
    """Return the pair in a cell: a list, or an object with head and tail. Any other value is returned as it is."""
    if isinstance(value, dict):
        names = {name.casefold(): word for name, word in value.items()}
        return (names["head"], names["tail"]) if names.keys() == {"head", "tail"} else value
    return tuple(value) if isinstance(value, list) else value


def _described(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema)
