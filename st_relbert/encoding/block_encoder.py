"""Embedding one block of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from st_relbert.encoding.block import Block, pairs_of
from st_relbert.encoding.row_reader import RowReader
from st_relbert.encoding.vector_blocks import VectorBlocks


class BlockEncoder:
    """Reads, embeds and writes blocks; each worker has one.

    Args:
        encode: Gives the vectors ``(pairs, d)`` of pairs, float32.
        columns: The names of the columns of heads and tails.
        output: Where blocks are written to.
        schema: The schema of the rows with their vectors, the last column.
    """

    def __init__(
        self, encode: Callable[[list[Any]], Any], columns: Sequence[str], output: VectorBlocks, schema: Any
    ) -> None:
        self._encode = encode
        self._columns = columns
        self._output = output
        self._schema = schema
        self._reader = RowReader(columns)

    def __call__(self, block: Block) -> int:
        """Embed a block, unless it is there: an engine may hand it out again when a worker was lost.

        Returns:
            The number of its rows.
        """
        if not self._output.has(block.number):
            rows = self._reader.read(block)
            column = pa.FixedSizeListArray.from_arrays(self._vectors(rows), self._schema.field("vector").type.list_size)
            self._output.write(block.number, pa.table([*rows.columns, column], schema=self._schema))
        return block.rows

    def _vectors(self, rows: pa.Table) -> pa.Array:
        vectors = self._encode(pairs_of(rows, self._columns))
        return pa.array(vectors.reshape(-1), pa.float32())
