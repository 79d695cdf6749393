"""Embedding the pairs of a file, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
from sentence_transformers import SentenceTransformer
from tqdm.autonotebook import tqdm

from st_relbert.model_identity import ModelIdentity
from st_relbert.pair_files import open_pairs, read_batches
from st_relbert.pairs import as_pairs
from st_relbert.vector_blocks import VectorBlocks, file_state

_BLOCK = 16_384  # rows written at a time: what an interruption costs at most


def encode_file(
    model: SentenceTransformer,
    path: str,
    output: str,
    columns: Sequence[str] = ("head", "tail"),
    batch_size: int = 64,
    show_progress_bar: bool = True,
) -> int:
    """Embed the pairs of a file, a few thousand at a time.

    All rows are checked before the first is embedded. What is done is kept in ``{output}.partial`` until all is; after
    an interruption the same call goes on from there.

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
            If a part of the output is there already, of another file or model.
    """
    source = open_pairs(path, columns)
    total = _check(source, path, columns)
    dimension = model.get_embedding_dimension()
    schema = source.schema.append(pa.field("vector", pa.list_(pa.float32(), dimension)))
    model_state = {name: value for name, value in asdict(ModelIdentity.of(model)).items() if name != "name"}
    # What an index does not ask about, as it scales all vectors to length 1 and compares roughly.
    model_state |= {name: getattr(model, name, None) for name in ("reduction", "fast")}
    made_from = {"file": file_state(path), "columns": list(columns), "model": model_state}
    blocks = VectorBlocks(output, made_from)
    with tqdm(
        desc="Encoding", unit=" pairs", total=total, initial=blocks.rows, disable=not show_progress_bar
    ) as progress:
        done = []
        for batch in _rows_from(blocks.rows, read_batches(source, path)):
            vectors = model.encode(_pairs(batch, columns), batch_size=batch_size, show_progress_bar=False)  # (rows, d)
            column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), pa.float32()), dimension)
            done.append(pa.record_batch([*batch.columns, column], schema=schema))
            progress.update(len(batch))
            if sum(map(len, done)) >= _BLOCK:
                blocks.add(done)
                done = []
        if done:
            blocks.add(done)
    blocks.join(schema)
    return total


def _check(source: Any, path: str, columns: Sequence[str]) -> int:
    """The number of pairs; an error if one is none."""
    count = 0
    for batch in read_batches(source, path, columns):
        count += len(as_pairs(_pairs(batch, columns), f"{path}, row", first=count))
    return count


def _pairs(batch: Any, columns: Sequence[str]) -> list[Any]:
    return list(zip(*(batch.column(name).to_pylist() for name in columns), strict=True))


def _rows_from(start: int, batches: Iterator[Any]) -> Iterator[Any]:
    """The batches without their first ``start`` rows."""
    for batch in batches:
        if start < len(batch):
            yield batch.slice(start)
        start = max(0, start - len(batch))
