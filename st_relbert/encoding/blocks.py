"""The blocks that files are embedded in: rows in, a file of vectors out, whole or not there."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet

from st_relbert.environment import import_extra
from st_relbert.files.location import DONE, MADE_FROM, Location
from st_relbert.files.tables import PairTable

BLOCK_ROWS = 8_192  # what an interruption costs each worker at most


class Block(NamedTuple):
    """Some rows of a table that follow each other.

    Args:
        number: The block's place among all blocks of all tables.
        table: The place of the table among all tables.
        start: Its first row.
        rows: The number of rows.
    """

    number: int
    table: int
    start: int
    rows: int


def plan_blocks(tables: Sequence[PairTable]) -> list[Block]:
    """Divide tables into blocks of `BLOCK_ROWS` rows; at least one block."""
    places = [
        (number, start, min(BLOCK_ROWS, table.rows - start))
        for number, table in enumerate(tables)
        for start in range(0, table.rows, BLOCK_ROWS)
    ]
    return [Block(number, *place) for number, place in enumerate(places or [(0, 0, 0)])]


class RowReader:
    """Reads blocks of rows. Blocks in their order cost one pass over each table, whatever is left out between them.

    Args:
        tables: The tables that blocks are of.
    """

    def __init__(self, tables: Sequence[PairTable]) -> None:
        self._tables = tables
        self._open: int | None = None  # the table that is being read
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._rest: pa.RecordBatch | None = None  # of the batch that was read last
        self._next = 0  # the first row of the table that was not given out yet

    def read(self, block: Block) -> pa.Table:
        """The rows of a block.

        Raises:
            ValueError: If the table cannot be read, or has fewer rows.
        """
        table = self._tables[block.table]
        if block.table != self._open or block.start < self._next:
            self._open, self._next, self._rest = block.table, 0, None
            self._batches = table.batches()
        parts = []
        while (missing := block.start + block.rows - self._next) > 0:
            batch = next(self._batches, None) if self._rest is None else self._rest
            if batch is None:
                raise ValueError(f"{table.path!r} has lost rows since it was checked: it ends at row {self._next}.")
            skipped = max(0, block.start - self._next)
            parts.append(batch.slice(skipped, max(0, missing - skipped)))
            self._rest = batch.slice(missing) if missing < len(batch) else None
            self._next += min(len(batch), missing)
        return pa.Table.from_batches(parts, table.schema)


class VectorBlocks:
    """The blocks of an output that are done: Parquet files, each whole or not there.

    Args:
        output: A path or URI. ``*.parquet``: the blocks become one file; ``*.lance``: a Lance table; without a suffix
            they stay as they are, a folder of Parquet files, with ``_SUCCESS`` in it when all are done. Until then,
            blocks of the first two are kept in ``{output}.partial``.
    """

    def __init__(self, output: str) -> None:
        self.output = output
        self.place = Location.of(output)
        self.kind = posixpath.splitext(self.place.path)[1]
        """``".parquet"``, ``".lance"``, or none for a folder."""
        self.folder = self.place.beside(".partial") if self.kind in (".parquet", ".lance") else self.place

    def check(self, overwrite: bool) -> None:
        """Refuse an output that is there already.

        Raises:
            ValueError: If it is done and may not be replaced, is a folder of something else, or a file of another kind.
        """
        if self.kind in (".parquet", ".lance"):
            if self.place.exists and not overwrite:
                raise ValueError(f"{self.output!r} exists already. Choose another output, or replace it (--overwrite).")
            return
        if self.kind:
            raise ValueError(
                f"The output is {self.output!r}, expected NAME.parquet, NAME.lance or a folder, which has no suffix."
            )
        names = self.folder.names()
        if DONE in names:
            raise ValueError(f"{self.output!r} is done already. Choose another output, or delete the folder.")
        if names and MADE_FROM not in names:
            raise ValueError(f"{self.output!r} is a folder of other files. Choose another output.")

    def begin(self, made_from: Mapping[str, Any]) -> set[int]:
        """Begin, or go on.

        Args:
            made_from: What the vectors depend on, as JSON has it.

        Returns:
            The blocks that are done.

        Raises:
            ValueError: If there are blocks that were made from something else.
        """
        self.folder.make_folder()
        manifest = self.folder / MADE_FROM
        if not manifest.exists:
            manifest.write_text(json.dumps(made_from))
        then = json.loads(manifest.read_text())
        changed = [name for name, value in made_from.items() if then.get(name) != value]
        if changed:
            name = changed[0]
            raise ValueError(
                f"{self.folder.path!r} holds a part of the same output made with other {name} ({then.get(name)}, now "
                f"{made_from[name]}). Go on with those, choose another output, or delete the folder."
            )
        return {int(posixpath.splitext(name)[0]) for name in self._files()}

    def has(self, number: int) -> bool:
        """Whether a block is done."""
        return (self.folder / _name(number)).exists

    def write(self, number: int, table: pa.Table) -> None:
        """Write a block."""
        with (self.folder / _name(number)).writing() as stream:
            pa.parquet.write_table(table, stream)

    def finish(self, schema: Any) -> None:
        """Make the output of the blocks.

        Args:
            schema: The schema of the rows.
        """
        if self.kind == ".parquet":
            with self.place.writing() as stream, pa.parquet.ParquetWriter(stream, schema) as writer:
                for table in self._tables():
                    writer.write_table(table)
        elif self.kind == ".lance":
            folder, _, name = self.output.rpartition("/")
            batches = pa.RecordBatchReader.from_batches(
                schema, (b for table in self._tables() for b in table.to_batches())
            )
            database = import_extra("lancedb", "search").connect(folder or ".")
            database.create_table(name.removesuffix(".lance"), batches, mode="overwrite")
        else:
            (self.folder / DONE).write_text("")
            return
        self.folder.remove_folder()

    def _files(self) -> list[str]:
        return [name for name in self.folder.names() if name.endswith(".parquet") and name[0] not in "._"]

    def _tables(self) -> Iterator[pa.Table]:
        for name in self._files():
            place = self.folder / name
            yield pa.parquet.read_table(place.path, filesystem=place.filesystem)


def _name(number: int) -> str:
    return f"{number:08}.parquet"
