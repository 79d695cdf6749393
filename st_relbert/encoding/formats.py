"""The formats of rows with vectors: Parquet, CSV, a NumPy array or a Lance table."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from st_relbert.environment import import_extra
from st_relbert.files.columns import column_vectors
from st_relbert.files.location import Location
from st_relbert.files.outputs import CsvWriter, atomic_output, check_columns

_LANCE_OPTIONS = {"region": "region", "access_key": "aws_access_key_id", "secret_key": "aws_secret_access_key"}


def write_parquet(tables: Iterable[pa.Table], schema: pa.Schema, stream: Any, rows: int) -> None:
    """Write tables of `schema`, whose last column is `vector`, as one Parquet file."""
    with pa.parquet.ParquetWriter(stream, schema) as writer:
        for table in tables:
            writer.write_table(table)


def write_npy(tables: Iterable[pa.Table], schema: pa.Schema, stream: Any, rows: int) -> None:
    """Write only the vectors, `(rows, d)` float32, in NumPy's format. `rows` is the total number of rows."""
    dimension = schema.field("vector").type.list_size
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows, dimension)}
    np.lib.format.write_array_header_1_0(stream, header)
    for table in tables:
        stream.write(_vectors(table).astype("<f4").tobytes())


def write_csv(tables: Iterable[pa.Table], schema: pa.Schema, stream: Any, rows: int) -> None:
    """Write a CSV file, with the vectors as columns `vector_1` to `vector_d`, and lists and objects as JSON."""
    flat = pa.schema([*list(schema)[:-1], *((name, pa.float32()) for name in _names_in_csv(schema.field("vector")))])
    with CsvWriter(stream, flat) as writer:
        for table in tables:
            writer.write_table(pa.table([*table.columns[:-1], *_vectors(table).T], schema=flat))


FILES: dict[str, Callable[[Iterable[pa.Table], pa.Schema, Any, int], None]] = {
    ".parquet": write_parquet,
    ".csv": write_csv,
    ".npy": write_npy,
}
"""The function that writes each kind of file, by suffix."""


def write_lance(tables: Iterable[pa.Table], schema: pa.Schema, place: Location, uri: str) -> None:
    """Write a Lance table, and replace an existing one.

    `uri` is the place as the caller gave it, with a name that ends in `.lance`. The query of an object store's URI says
    how to reach the store.
    """
    lancedb = import_extra("lancedb", "search")
    batches = pa.RecordBatchReader.from_batches(schema, (batch for table in tables for batch in table.to_batches()))
    name = place.name.removesuffix(".lance")
    if place.local:
        with atomic_output(place.path) as temporary:
            lancedb.connect(str(temporary.parent)).create_table(name, batches)
            return
    parts = urlsplit(uri)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    options = {_LANCE_OPTIONS[key]: value for key, value in query.items() if key in _LANCE_OPTIONS}
    if "endpoint_override" in query:
        scheme = query.get("scheme", "https")
        options |= {"endpoint": f"{scheme}://{query['endpoint_override']}", "allow_http": str(scheme == "http").lower()}
    database = lancedb.connect(f"{parts.scheme}://{place.parent.path}", storage_options=options)
    database.create_table(name, batches, mode="overwrite")


def check_format(output: str, suffix: str, schema: pa.Schema) -> None:
    """Raise `ValueError` if an output cannot have the columns of a schema, whose last is `vector`.

    The suffix is a key of `FILES`, or `.lance`, or empty for a folder of Parquet files.
    """
    further, vector = pa.schema(list(schema)[:-1]), schema.field("vector")
    if suffix == ".csv" and (taken := set(further.names).intersection(_names_in_csv(vector))):
        name = min(taken)
        raise ValueError(
            f"The input has the column {name!r}, which {output!r} needs for the vectors. Rename it, leave it out with "
            f"--drop {name}, or choose another format."
        )
    check_columns(output, further, _empty(write_parquet, vector))  # the form in which blocks of any output are kept
    if suffix in FILES:
        check_columns(output, further, _empty(FILES[suffix], vector))
    elif suffix == ".lance":
        with tempfile.TemporaryDirectory() as folder:
            database = import_extra("lancedb", "search").connect(folder)
            check_columns(output, further, lambda one: database.create_table("empty", schema=one, mode="overwrite"))


def _empty(write: Callable[..., object], vector: pa.Field) -> Callable[[pa.Schema], object]:
    """Return a function that writes no rows, with the vectors besides the columns that it is given."""
    return lambda further: write([], further.append(vector), pa.BufferOutputStream(), 0)


def _vectors(table: pa.Table) -> Any:
    return column_vectors(table.column("vector").combine_chunks())


def _names_in_csv(vector: pa.Field) -> list[str]:
    return [f"vector_{number}" for number in range(1, vector.type.list_size + 1)]
