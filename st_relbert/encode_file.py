"""Embedding the pairs of a file, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.parquet
from sentence_transformers import SentenceTransformer
from tqdm.autonotebook import tqdm

from st_relbert.files import atomic_output
from st_relbert.pairs import as_pairs

_CHUNK = 8192  # rows held at a time
_FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")


def check_columns(path: str, columns: Sequence[str]) -> None:
    """Check that a file of pairs can be read and has the two columns.

    Args:
        path: A CSV, TSV, JSON Lines or Parquet file.
        columns: The names of the columns of heads and tails.

    Raises:
        ValueError: If it is none of these, or lacks a column.
    """
    _open(path, columns)


def encode_file(
    model: SentenceTransformer,
    path: str,
    output: str,
    columns: Sequence[str] = ("head", "tail"),
    batch_size: int = 64,
    show_progress_bar: bool = True,
) -> int:
    """Embed the pairs of a file, a few thousand at a time.

    Args:
        model: A SentenceTransformer that takes pairs.
        path: A CSV, TSV, JSON Lines or Parquet file.
        output: The Parquet file to write: the columns of the input and ``vector``, a list of ``d`` float32.
        columns: The names of the columns of heads and tails.
        batch_size: Pairs embedded at a time.
        show_progress_bar: Show the number of pairs done.

    Returns:
        The number of pairs.

    Raises:
        ValueError: If the file cannot be read, lacks a column, or a row is no pair of words; nothing is written then.
    """
    source = _open(path, columns)
    dimension = model.get_embedding_dimension()
    schema = source.schema.append(pa.field("vector", pa.list_(pa.float32(), dimension)))
    count = 0
    with (
        atomic_output(output) as temporary,
        pa.parquet.ParquetWriter(temporary, schema) as writer,
        tqdm(desc="Encoding", unit=" pairs", disable=not show_progress_bar) as progress,
    ):
        for batch in _batches(source, path):
            values = zip(*(batch.column(name).to_pylist() for name in columns), strict=True)
            pairs = as_pairs(values, f"{path}, row", first=count)
            vectors = model.encode(pairs, batch_size=batch_size, show_progress_bar=False)  # (rows, d)
            column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), pa.float32()), dimension)
            writer.write_batch(pa.record_batch([*batch.columns, column], schema=schema))
            count += len(pairs)
            progress.update(len(pairs))
    return count


def _open(path: str, columns: Sequence[str]) -> Any:
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in _FORMATS:
        raise ValueError(f"{path!r} ends in {suffix!r}, expected one of {', '.join(_FORMATS)}.")
    if not os.path.isfile(path):
        raise ValueError(f"{path!r} does not exist, expected a file of pairs.")
    try:
        source = pa.dataset.dataset(path, format=_format(suffix, columns))
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"Cannot read {path!r}: {error}") from error
    missing = [name for name in columns if name not in source.schema.names]
    if missing:
        raise ValueError(
            f"{path!r} has the columns {', '.join(source.schema.names)}, but no {' and no '.join(missing)}. "
            "Name the columns of heads and tails with --columns HEAD TAIL."
        )
    if "vector" in source.schema.names:
        raise ValueError(f"{path!r} has a column 'vector' already. Rename it.")
    return source


def _format(suffix: str, columns: Sequence[str]) -> Any:
    if suffix not in (".csv", ".tsv"):
        return "parquet" if suffix == ".parquet" else "json"
    # Words are text, whatever they look like: "3.14" is no number, "NA" and "null" are not missing.
    return pa.dataset.CsvFileFormat(
        parse_options=pa.csv.ParseOptions(delimiter="\t" if suffix == ".tsv" else ","),
        convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string())),
    )


def _batches(source: Any, path: str) -> Iterator[Any]:
    try:
        yield from source.to_batches(batch_size=_CHUNK)
    except pa.ArrowException as error:
        raise ValueError(f"Cannot read {path!r}: {error}") from error
