"""Embedding the pairs of a file, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet
from sentence_transformers import SentenceTransformer
from tqdm.autonotebook import tqdm

from st_relbert.files import atomic_output
from st_relbert.pair_files import open_pairs, read_batches
from st_relbert.pairs import as_pairs


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
    source = open_pairs(path, columns)
    dimension = model.get_embedding_dimension()
    schema = source.schema.append(pa.field("vector", pa.list_(pa.float32(), dimension)))
    count = 0
    with (
        atomic_output(output) as temporary,
        pa.parquet.ParquetWriter(temporary, schema) as writer,
        tqdm(desc="Encoding", unit=" pairs", disable=not show_progress_bar) as progress,
    ):
        for batch in read_batches(source, path):
            values = zip(*(batch.column(name).to_pylist() for name in columns), strict=True)
            pairs = as_pairs(values, f"{path}, row", first=count)
            vectors = model.encode(pairs, batch_size=batch_size, show_progress_bar=False)  # (rows, d)
            column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), pa.float32()), dimension)
            writer.write_batch(pa.record_batch([*batch.columns, column], schema=schema))
            count += len(pairs)
            progress.update(len(pairs))
    return count
