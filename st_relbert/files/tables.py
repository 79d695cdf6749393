"""Files of pairs: CSV, TSV, JSON Lines and Parquet, read some thousand rows at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.json

from st_relbert.files.location import Location

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
DONE = "_SUCCESS"  # in a folder of Parquet files that is whole, as Hadoop and Spark have it
_CHUNK = 8192  # rows held at a time
_SMALL = 2**20  # bytes


def open_pairs(path: str, columns: Sequence[str], vectors: bool = False) -> Any:
    """Open a file of pairs.

    Args:
        path: A CSV, TSV, JSON Lines or Parquet file, or its URI in an object store.
        columns: The names of the columns of heads and tails.
        vectors: Whether it may hold vectors already, as the files (and folders) do that ``st-relbert encode`` writes.

    Returns:
        A ``pyarrow.dataset.Dataset``.

    Raises:
        ValueError: If it is none of these, or lacks a column.
    """
    place = Location.of(path)
    encoded = vectors and (place / DONE).exists
    suffix = ".parquet" if encoded else os.path.splitext(place.path)[1].lower()
    if suffix not in FORMATS:
        raise ValueError(f"{path!r} ends in {suffix!r}, expected one of {', '.join(FORMATS)}.")
    try:
        if not encoded and not place.info.is_file:
            raise ValueError(f"{path!r} does not exist, expected a file of pairs.")
        if suffix == ".jsonl" and place.info.size < _SMALL:
            # Read whole: Arrow's scanner loses the words of a single row whose line does not end.
            with place.filesystem.open_input_stream(place.path) as stream:
                source = pa.dataset.dataset(pa.json.read_json(stream))
        else:
            source = pa.dataset.dataset(place.path, format=_format(suffix, columns), filesystem=place.filesystem)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"Cannot read {path!r}: {error}") from error
    missing = [name for name in columns if name not in source.schema.names]
    if missing:
        raise ValueError(
            f"{path!r} has the columns {', '.join(source.schema.names)}, but no {' and no '.join(missing)}. "
            "Name the columns of heads and tails with --columns HEAD TAIL."
        )
    if "vector" in source.schema.names and not vectors:
        raise ValueError(f"{path!r} has a column 'vector' already. Rename it.")
    return source


def read_batches(source: Any, path: str, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """The rows of an open file as record batches.

    Args:
        source: The file.
        path: Its name, for errors.
        columns: The columns to read; None: all.

    Raises:
        ValueError: If a part of the file cannot be read.
    """
    try:
        yield from source.to_batches(columns=columns and list(columns), batch_size=_CHUNK)
    except pa.ArrowException as error:
        raise ValueError(f"Cannot read {path!r}: {error}") from error


def _format(suffix: str, columns: Sequence[str]) -> Any:
    if suffix not in (".csv", ".tsv"):
        return "parquet" if suffix == ".parquet" else "json"
    # Words are text, whatever they look like: "3.14" is no number, "NA" and "null" are not missing.
    return pa.dataset.CsvFileFormat(
        parse_options=pa.csv.ParseOptions(delimiter="\t" if suffix == ".tsv" else ","),
        convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys((*columns, "relation"), pa.string())),
    )
