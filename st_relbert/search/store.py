"""Rows with vectors on disk: a LanceDB table, behind the few calls that an index needs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from st_relbert.environment import import_extra
from st_relbert.search.rows import literal

TABLE = "pairs"
# From so many rows on, comparing with all of them takes several times as long as an approximate index does
# (benchmarks/search_growth.py).
ANN_FROM = 20_000
_PROBES = 40  # parts of the index that are searched, of some 8,000 rows each
_REFINE = 4  # times as many candidates as wanted are compared by their whole vectors


class StoreState(NamedTuple):
    """What a store holds.

    Args:
        rows: The number of rows.
        exact: Whether a search compares with all rows.
        unindexed: Rows that an approximate index does not know yet; they are compared one by one.
        size: Bytes on disk, with versions that :meth:`PairStore.optimize` would remove.
    """

    rows: int
    exact: bool
    unindexed: int
    size: int


class PairStore:
    """A table of pairs. Changes are whole or not at all, and two processes may make them at once.

    Args:
        path: The folder of the LanceDB database.
        table: The table.
    """

    def __init__(self, path: Path, table: Any) -> None:
        self.path = path
        self._table = table
        lock_file = import_extra("filelock", "search").FileLock
        self._lock = lock_file(str(path / "write.lock"))

    @classmethod
    def create(cls, path: Path, schema: pa.Schema, overwrite: bool) -> PairStore:
        """Make an empty store.

        Args:
            path: A folder, which is made.
            schema: The columns, ``row_key`` and ``vector`` among them, and metadata.
            overwrite: Replace a store that is there.

        Raises:
            ValueError: If there is something at the path that may not be replaced.
            MissingExtraError: If LanceDB is not installed.
        """
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            if not (path / f"{TABLE}.lance").is_dir():
                raise ValueError(f"{str(path)!r} exists and is no index, so it is not replaced. Choose another path.")
            if not overwrite:
                raise ValueError(f"{str(path)!r} is an index already. Choose another path, or overwrite it.")
        database = _connect(path)
        return cls(path, database.create_table(TABLE, schema=schema, mode="overwrite" if overwrite else "create"))

    @classmethod
    def open(cls, path: Path) -> PairStore:
        """Open a store.

        Raises:
            ValueError: If there is none.
            MissingExtraError: If LanceDB is not installed.
        """
        if not (path / f"{TABLE}.lance").is_dir():
            raise ValueError(
                f"{str(path)!r} is no index. Make one with RelationIndex.create or st-relbert index build."
            )
        return cls(path, _connect(path).open_table(TABLE))

    @property
    def schema(self) -> pa.Schema:
        """The columns and the metadata."""
        return self._table.schema

    def __len__(self) -> int:
        """The number of rows."""
        count: int = self._table.count_rows()
        return count

    def present(self, keys: Sequence[str]) -> set[str]:
        """Those keys that the store has a row of."""
        if not keys:
            return set()
        condition = f"row_key IN ({', '.join(map(literal, keys))})"
        found = self._table.search().where(condition).select(["row_key"]).limit(len(keys)).to_arrow()
        return set(found["row_key"].to_pylist())

    def insert(self, rows: pa.Table) -> int:
        """Add the rows whose keys are new; how many those were."""
        with self._writing():
            result = self._table.merge_insert("row_key").when_not_matched_insert_all().execute(rows)
        inserted: int = result.num_inserted_rows
        return inserted

    def delete(self, condition: str) -> int:
        """Delete the rows that meet a condition in SQL; how many those were."""
        with self._writing(), self._conditions():
            before = len(self)
            self._table.delete(condition)
            return before - len(self)

    def search(
        self, vector: NDArray[np.float32], k: int, condition: str | None, exact: bool
    ) -> tuple[list[dict[str, Any]], NDArray[np.float32]]:
        """The rows nearest to a vector by cosine, best first: their columns but for the vector, and the cosines."""
        query = self._table.search(vector).distance_type("cosine").limit(k)
        query = query.bypass_vector_index() if exact else query.nprobes(_PROBES).refine_factor(_REFINE)
        if condition is not None:
            # In all parts, if need be: it may leave too few rows in the nearest.
            query = query.where(condition, prefilter=True).maximum_nprobes(0)
        columns = [name for name in self.schema.names if name != "vector"]
        with self._conditions():
            found = query.select([*columns, "_distance"]).to_arrow()
        return found.select(columns).to_pylist(), 1 - found["_distance"].to_numpy()

    def read(self, columns: Sequence[str], condition: str | None, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Rows, some thousand at a time in memory, in the order of the table."""
        query = self._table.search().select(list(columns)).limit(limit)
        if condition is not None:
            query = query.where(condition)
        with self._conditions():
            for batch in query.to_batches():
                yield from batch.to_pylist()

    def optimize(self) -> None:
        """Merge small files, remove old versions, and build or extend the approximate index of a large store."""
        with self._writing():
            if len(self) >= ANN_FROM and not self._indices("vector"):
                self._table.create_index("vector", config=_ann_config())
            # Other processes may still read a version of a minute ago.
            self._table.optimize(cleanup_older_than=timedelta(minutes=10))

    def state(self) -> StoreState:
        """Size, and how searches are done."""
        names = self._indices("vector")
        unindexed = self._table.index_stats(names[0]).num_unindexed_rows if names else 0
        size = sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())
        return StoreState(len(self), not names, unindexed, size)

    def _indices(self, column: str) -> list[str]:
        return [index.name for index in self._table.list_indices() if index.columns == [column]]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One writer at a time; a full disk is named as what it is."""
        try:
            with self._lock:
                yield
        except (RuntimeError, OSError) as error:
            if not any(
                sign in str(error) for sign in ("No space left", "os error 28", "os error 122", "File too large")
            ):
                raise
            free = shutil.disk_usage(self.path).free
            raise OSError(
                f"There is no space left for {str(self.path)!r} ({free / 2**20:,.0f} MiB free). What was added before "
                "is kept; make room and add again."
            ) from error

    @contextmanager
    def _conditions(self) -> Iterator[None]:
        """An error in a condition becomes a ValueError that names the columns."""
        try:
            yield
        except (RuntimeError, ValueError) as error:
            columns = ", ".join(name for name in self.schema.names if name not in ("row_key", "vector"))
            first = str(error).strip().split("\n")[0]
            raise ValueError(f"The filter cannot be used: {first} The columns are {columns}.") from error


def _connect(path: Path) -> Any:
    lancedb = import_extra("lancedb", "search")
    # Always the latest version: another process may have added rows.
    return lancedb.connect(os.fspath(path), read_consistency_interval=timedelta(0))


def _ann_config() -> Any:
    # Parts of vectors at 4 bits a dimension: built in seconds, and enough bits for vectors of few dimensions too.
    return import_extra("lancedb.index", "search").IvfRq(distance_type="cosine", num_bits=4)
