"""Reading rows of files by their place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from st_relbert.encoding.block import Block
from st_relbert.pair_files import open_pairs, read_batches


class RowReader:
    """Reads blocks of rows. Blocks in their order cost one pass over each file, whatever is left out between them.

    Args:
        columns: The names of the columns of heads and tails.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._path: str | None = None
        self._batches: Iterator[Any] = iter(())
        self._rest: Any = None  # of the batch that was read last
        self._next = 0  # the first row of the file that was not given out yet

    def read(self, block: Block) -> pa.Table:
        """The rows of a block.

        Raises:
            ValueError: If the file cannot be read, or has fewer rows.
        """
        source = open_pairs(block.path, self._columns)
        if block.path != self._path or block.start < self._next:
            self._path, self._next, self._rest = block.path, 0, None
            self._batches = read_batches(source, block.path)
        parts = []
        while (missing := block.start + block.rows - self._next) > 0:
            batch = self._rest or next(self._batches, None)
            if batch is None:
                raise ValueError(f"{block.path!r} has lost rows since it was checked: it ends at row {self._next}.")
            skipped = max(0, block.start - self._next)
            parts.append(batch.slice(skipped, max(0, missing - skipped)))
            self._rest = batch.slice(missing) if missing < len(batch) else None
            self._next += min(len(batch), missing)
        return pa.Table.from_batches(parts, source.schema)
