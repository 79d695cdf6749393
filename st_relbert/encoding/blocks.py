"""The blocks in which tables are embedded: each becomes a file of vectors, which is either complete or absent."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet

from st_relbert.encoding.formats import FILES, write_lance
from st_relbert.environment import import_extra
from st_relbert.files.location import DONE, MADE_FROM, Location
from st_relbert.files.outputs import TEMPORARY, check_output, output_lock
from st_relbert.files.tables import PairTable


class Block(NamedTuple):
    """Consecutive rows of a table. `number` is the block's index among all blocks, `table` that of its table."""

    number: int
    table: int
    start: int
    rows: int


def plan_blocks(tables: Sequence[PairTable], block_rows: int) -> list[Block]:
    """Divide tables into blocks of at most `block_rows` rows. There is always at least one block."""
    places = [
        (number, start, min(block_rows, table.rows - start))
        for number, table in enumerate(tables)
        for start in range(0, table.rows, block_rows)
    ]
    return [Block(number, *place) for number, place in enumerate(places or [(0, 0, 0)])]


class RowReader:
    """Reads blocks of rows, in one pass over each table if the blocks are read in order."""

    def __init__(self, tables: Sequence[PairTable]) -> None:
        self._tables = tables
        self._open: int | None = None  # the table that is being read
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._rest: pa.RecordBatch | None = None  # of the batch that was read last
        self._next = 0  # the first row of the table that was not returned yet

    def read(self, block: Block) -> pa.Table:
        """Return the rows of a block. Raises `ValueError` if the table cannot be read, or has too few rows."""
        table = self._tables[block.table]
        if block.table != self._open or block.start < self._next:
            self._open, self._next, self._rest = block.table, 0, None
            self._batches = table.batches()
        parts = []
        while (missing := block.start + block.rows - self._next) > 0:
            batch = next(self._batches, None) if self._rest is None else self._rest
            if batch is None:
                raise ValueError(
                    f"{table.path!r} has lost rows since it was checked: it ends at row {self._next}. Run the command "
                    "again when the file is no longer being changed."
                )
            skipped = max(0, block.start - self._next)
            parts.append(batch.slice(skipped, max(0, missing - skipped)))
            self._rest = batch.slice(missing) if missing < len(batch) else None
            self._next += min(len(batch), missing)
        return pa.Table.from_batches(parts, table.schema)


class VectorBlocks:
    """The finished blocks of an output: Parquet files, each with a record of its number of rows and its checksum.

    If the output is a file or a Lance table, the blocks are kept in `{output}.partial` until all are finished. The
    record of `00000000.parquet` is `_00000000.json`; a block without one is not finished.

    The output is a path or URI whose suffix is in `FILES` or is `.lance`. Without a suffix, it is a folder of Parquet
    files. Raises `ValueError` for another suffix, or an invalid name for a Lance table.
    """

    def __init__(self, output: str) -> None:
        self.output = output
        self.place = Location.of(output)
        self.kind = posixpath.splitext(self.place.name)[1]
        """The suffix, empty for a folder."""
        if self.kind and self.kind not in (*FILES, ".lance"):
            raise ValueError(
                f"The output is {output!r}, expected NAME.parquet, NAME.csv, NAME.npy, NAME.lance, or a folder (a name "
                "without a suffix)."
            )
        if self.kind == ".lance":
            import_extra("lancedb", "search")
            if not re.fullmatch(r"[\w.-]+", self.place.name, re.ASCII):
                raise ValueError(
                    f"The Lance table is called {self.place.name!r}, expected only letters, digits, '_', '-' and '.'."
                )
        self.folder = self.place.parent / f"{self.place.name}.partial" if self.kind else self.place

    def hold(self) -> AbstractContextManager[None]:
        """Keep other processes on this machine from writing the output. Object stores have no locks."""
        return output_lock(self.place.path) if self.place.local else nullcontext()

    def check(self, overwrite: bool) -> None:
        """Raise `ValueError` for an output that is complete, is a folder of other files, or cannot be written.

        With `overwrite`, an existing file or table may be replaced.
        """
        if self.kind and self.place.local:
            check_output(self.place.path, overwrite, "_versions" if self.kind == ".lance" else None)
        elif self.kind:
            whole = self.place / "_versions" if self.kind == ".lance" else self.place
            if whole.exists and not overwrite:
                raise ValueError(f"{self.output!r} already exists. Choose another output, or replace it (--overwrite).")
        elif self.place.info.is_file:
            raise ValueError(f"{self.output!r} is a file. Choose another output.")
        elif (self.place / DONE).exists:
            raise ValueError(f"{self.output!r} is complete already. Choose another output, or delete the folder.")
        if not (self.folder / MADE_FROM).exists and any(name[0] != "." for name in self.folder.names()):
            raise ValueError(
                f"{self.folder.path!r} is a folder of other files: it has no {MADE_FROM}, which every output has. "
                "Choose another output, or move the folder elsewhere."
            )

    def begin(self, made_from: Mapping[str, Any], planned: Sequence[Block]) -> list[Block]:
        """Start or continue the output. Returns the planned blocks that are missing or damaged.

        `made_from` describes in JSON values what the vectors depend on. Raises `ValueError` if there are blocks that
        were made from something else, or files of something else.
        """
        self.folder.filesystem.create_dir(self.folder.path, recursive=True)
        for name in self.folder.names():
            if name.startswith(TEMPORARY):
                (self.folder / name).remove()
        manifest = self.folder / MADE_FROM
        if not manifest.exists:
            manifest.write_text(json.dumps(made_from))
        self._compare(made_from, manifest)
        known = {MADE_FROM} | {name for block in planned for name in (_name(block.number), _record(block.number))}
        if strays := [name for name in self.folder.names() if name not in known and name[0] != "."]:
            raise ValueError(
                f"{self.folder.path!r} contains {strays[0]!r}, which is not part of this output. Move it elsewhere, or "
                "choose another output."
            )
        return [block for block in planned if self._content(block) is None]

    def _compare(self, made_from: Mapping[str, Any], manifest: Location) -> None:
        try:
            then = json.loads(manifest.read_text())
            changed = [name for name, value in made_from.items() if then.get(name) != value]
        except (ValueError, AttributeError, RecursionError) as error:
            raise ValueError(
                f"{manifest.path!r} is damaged, so it is unknown what the blocks next to it were made from. Delete the "
                "folder."
            ) from error
        if changed:
            name = changed[0]
            raise ValueError(
                f"{self.folder.path!r} contains part of this output, made with other {name} ({then.get(name)}, now "
                f"{made_from[name]}). Continue with the former, choose another output, or delete the folder."
            )

    def has(self, number: int) -> bool:
        """Return whether a block is finished."""
        return (self.folder / _record(number)).exists

    def write(self, number: int, table: pa.Table) -> None:
        """Write a block, then its record."""
        stream = pa.BufferOutputStream()
        pa.parquet.write_table(table, stream)
        content = stream.getvalue()
        (self.folder / _name(number)).write(content)
        (self.folder / _record(number)).write_text(json.dumps({"rows": len(table), "sha256": _checksum(content)}))

    def finish(self, planned: Sequence[Block], schema: pa.Schema) -> int:
        """Check all blocks, make the output from them, and return its number of rows.

        Raises `ValueError` if a block has changed since it was written.
        """
        tables = (self._table(block) for block in planned)
        rows = sum(block.rows for block in planned)
        if not self.kind:
            for _ in tables:  # check every block before the folder is marked as complete
                pass
            (self.folder / DONE).write_text("")
            for block in planned:
                (self.folder / _record(block.number)).remove()
            return rows
        if self.kind == ".lance":
            write_lance(tables, schema, self.place, self.output)
        else:
            with self.place.writing() as stream:
                FILES[self.kind](tables, schema, stream, rows)
        self.folder.remove()
        return rows

    def _table(self, block: Block) -> pa.Table:
        content = self._content(block)
        if content is None:
            raise ValueError(
                f"{(self.folder / _name(block.number)).path!r} is damaged: it has changed since it was written. Run "
                "the same command again to encode this block again."
            )
        return pa.parquet.read_table(pa.BufferReader(content))

    def _content(self, block: Block) -> Any:
        """Return the content of a block's file, or None if it is missing or damaged, and then remove its record too."""
        record = self.folder / _record(block.number)
        try:
            expected = json.loads(record.read_text())
            content = (self.folder / _name(block.number)).read()
            if expected == {"rows": block.rows, "sha256": _checksum(content)}:
                return content
        except (OSError, ValueError):
            pass
        record.remove()
        return None


def _name(number: int) -> str:
    return f"{number:08}.parquet"


def _record(number: int) -> str:
    return f"_{number:08}.json"


def _checksum(content: Any) -> str:
    return hashlib.sha256(content).hexdigest()
