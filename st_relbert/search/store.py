"""Store rows with the vectors of one model in a LanceDB table, and search them."""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from st_relbert.environment import import_extra
from st_relbert.files.outputs import TEMPORARY
from st_relbert.identity import MODEL_METADATA, ModelIdentity
from st_relbert.search.folder import (
    FOLDER,
    TABLE,
    connect,
    explained,
    has_versions,
    held,
    lock_of,
    move_into_place,
    reason_of,
    require_index,
    workspace,
)
from st_relbert.search.rows import literal

_LOG = logging.getLogger(__name__)

_PROBES = 40  # parts of the approximate index that are searched, of some 8,000 rows each
_REFINE = 4  # so many times as many candidates as wanted are compared by their full vectors
# Distinguishes an index from the one that replaces it, even if both belong to the same model.
_INDEX_ID = b"st_relbert.index"
_COMMIT = timedelta(minutes=10)
# Errors that come from values of rows in a condition, not from damage.
_OF_VALUES = re.compile(r"applying filter expression|Cast error|Divide by zero")


class StoreState(NamedTuple):
    """The state of a store.

    Args:
        rows: The number of rows.
        exact: Whether a search compares with all rows.
        unindexed: The number of rows that are not in the approximate index yet; they are compared one by one.
        size: Bytes on disk, including versions that `PairStore.optimize` would remove.
    """

    rows: int
    exact: bool
    unindexed: int
    size: int


class PairStore:
    """A table of pairs. Each change is atomic, and several processes may make changes at once.

    Another process may replace the folder of the LanceDB database with another index at any time, so each call checks
    what is there. Raises `ValueError` if the table names no model.
    """

    # From this many rows on, comparing with all of them takes several times as long as an approximate index does
    # (benchmarks/search_growth.py).
    ann_from = 20_000
    ann_parts: int | None = None  # of the approximate index; None: as many as LanceDB chooses

    def __init__(self, path: Path, table: Any) -> None:
        self.path = path
        self._table = table
        self._lock = lock_of(path)
        self._labelled = ("", 0)  # a version, and its number of labelled rows
        metadata = table.schema.metadata or {}
        if MODEL_METADATA not in metadata:
            raise ValueError(f"{str(path)!r} is a LanceDB table that RelationIndex did not make: it names no model.")
        self.identity = ModelIdentity.from_json(metadata[MODEL_METADATA])

    @classmethod
    def create(cls, path: Path, schema: pa.Schema, overwrite: bool) -> PairStore:
        """Make an empty store in a new folder.

        The schema includes the columns `row_key` and `vector`, and its metadata names the model. Raises `ValueError` if
        `overwrite` does not allow replacing what is at the path, and `MissingExtraError` if LanceDB is not installed.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=path.parent) as workspace:
            _new(Path(workspace) / path.name, schema)
            move_into_place(Path(workspace) / path.name, path, overwrite)
        return cls.open(path)

    @classmethod
    @contextmanager
    def building(cls, path: Path, schema: pa.Schema, overwrite: bool) -> Iterator[PairStore]:
        """Yield a store that is built next to its place and moved there on success; see `create`.

        After an interruption, the rows so far are kept in `{path}.partial`, and the next call with the same schema and
        metadata continues with them. Raises `ValueError` as `create` does, or if another process is building the store.
        """
        with workspace(path, overwrite) as (partial, lock):
            store = cls(partial, _unfinished(partial, schema) or _new(partial, schema))
            store._lock = lock  # this process already holds it
            yield store
            move_into_place(partial, path, overwrite)

    @classmethod
    def open(cls, path: Path) -> PairStore:
        """Open a store.

        Raises `ValueError` if there is no store or it is damaged, and `MissingExtraError` if LanceDB is not installed.
        """
        require_index(path)
        with explained(path):
            table = connect(path).open_table(TABLE)
        return cls(path, table)

    @property
    def schema(self) -> pa.Schema:
        """The columns and the metadata. Raises `ValueError` if an index of another model has taken the place."""
        if not (self.path / FOLDER).is_dir():
            time.sleep(0.1)  # another index may be taking the place at this moment
        with explained(self.path):
            schema = self._table.schema
        theirs = (schema.metadata or {}).get(MODEL_METADATA, b"")
        try:
            self.identity.require_same(ModelIdentity.from_json(theirs))
        except ValueError as error:
            raise ValueError(
                f"The index {str(self.path)!r} has been replaced by one of another model since it was opened. Open it "
                "again."
            ) from error
        return schema

    @property
    def columns(self) -> list[str]:
        """The columns, without the row's key and vector."""
        return [name for name in self.schema.names if name not in ("row_key", "vector")]

    @property
    def version(self) -> str:
        """A text that is different after each change, and for each index."""
        with self._current() as table:
            return f"{(self.schema.metadata or {}).get(_INDEX_ID, b'').decode()}-{table.version}"

    def __len__(self) -> int:
        """The number of rows."""
        return self.count(None)

    def count(self, condition: str | None) -> int:
        """Return the number of rows that meet an SQL condition."""
        with self._current(condition) as table:
            count: int = table.count_rows(condition)
        return count

    @property
    def labelled(self) -> int:
        """The number of rows with a label. They are counted once after each change: each search asks for it."""
        version = self.version
        if self._labelled[0] != version:
            self._labelled = version, self.count("relation IS NOT NULL")
        return self._labelled[1]

    def relation_counts(self) -> Counter[str]:
        """Return the number of rows with each label."""
        batches = self.batches(["relation"], "relation IS NOT NULL")
        return Counter(name for batch in batches for name in batch["relation"].to_pylist())

    def check(self, condition: str) -> None:
        """Refuse a condition that cannot be used, without reading any row.

        Raises `ValueError` if it is not SQL or names an unknown column.
        """
        empty = import_extra("lancedb", "search").connect("memory://").create_table(TABLE, schema=self.schema)
        try:
            empty.count_rows(condition)
        except Exception as error:  # Lance raises several kinds
            raise self._of_condition(error) from error

    def present(self, keys: Sequence[str]) -> set[str]:
        """Return the keys that are already in the store."""
        if not keys:
            return set()
        condition = f"row_key IN ({', '.join(map(literal, keys))})"
        with self._current() as table:
            found = table.search().where(condition).select(["row_key"]).limit(len(keys)).to_arrow()
        return set(found["row_key"].to_pylist())

    def insert(self, rows: pa.Table) -> int:
        """Add the rows whose keys are new, and return their number.

        The rows have the schema that the store had when the caller started, including its metadata. Raises `ValueError`
        if the store has been replaced since, and `OSError` if the disk is full or another process does not stop
        writing.
        """
        with held(self._lock, self.path):
            if self.schema.metadata != rows.schema.metadata:
                raise ValueError(
                    f"The index {str(self.path)!r} was replaced by another one while pairs were being added, so the "
                    "rest was not added. Add the pairs to the new index."
                )
            with self._current() as table:
                result = table.merge_insert("row_key").when_not_matched_insert_all().execute(rows, timeout=_COMMIT)
        inserted: int = result.num_inserted_rows
        return inserted

    def delete(self, condition: str) -> int:
        """Delete the rows that meet an SQL condition, and return their number."""
        self.check(condition)
        with held(self._lock, self.path), self._current(condition) as table:
            before = table.count_rows()
            table.delete(condition)
            deleted: int = before - table.count_rows()
        return deleted

    def search(
        self, vector: NDArray[np.float32], k: int, condition: str | None, exact: bool
    ) -> tuple[list[dict[str, Any]], NDArray[np.float32]]:
        """Return the rows nearest to a vector by cosine, best first, without their vectors, and the cosines."""
        columns = [name for name in self.schema.names if name != "vector"]
        with self._current(condition) as table:
            query = table.search(vector).distance_type("cosine").limit(k).select([*columns, "_distance"])
            query = query.bypass_vector_index() if exact else query.nprobes(_PROBES).refine_factor(_REFINE)
            if condition is not None:
                # Search all parts if necessary: the nearest parts may have too few rows that meet the condition.
                query = query.where(condition, prefilter=True).maximum_nprobes(0)
            found = query.to_arrow()
        return found.select(columns).to_pylist(), 1 - found["_distance"].to_numpy()

    def read(self, columns: Sequence[str], condition: str | None) -> Iterator[dict[str, Any]]:
        """Yield rows in the order of the table, with a few thousand in memory at a time."""
        for batch in self.batches(columns, condition):
            yield from batch.to_pylist()

    def batches(self, columns: Sequence[str], condition: str | None) -> Iterator[pa.RecordBatch]:
        """Yield the same rows as Arrow record batches."""
        with self._current(condition) as table:
            query = table.search().select(list(columns)).limit(None)
            if condition is not None:
                query = query.where(condition)
            batches = query.to_batches()
        while True:
            with self._current(condition):  # not around the yield: errors of the caller are its own
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def optimize(self) -> None:
        """Merge small files, remove old versions, and build or extend the approximate index of a large store."""
        with held(self._lock, self.path), self._current() as table:
            if table.count_rows() >= self.ann_from and not _indices(table, "vector"):
                table.create_index("vector", config=_ann_config(self.ann_parts))
            # Other processes may still be reading a version that is a minute old.
            table.optimize(cleanup_older_than=timedelta(minutes=10))

    @property
    def wants_optimizing(self) -> bool:
        """Whether `optimize` would make searches much faster."""
        state = self.state()
        return state.rows >= self.ann_from and (state.exact or state.unindexed > state.rows // 10)

    def state(self) -> StoreState:
        """Return the size, and whether searches are exact."""
        with self._current() as table:
            rows, names = table.count_rows(), _indices(table, "vector")
            unindexed = table.index_stats(names[0]).num_unindexed_rows if names else 0
        size = sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())
        return StoreState(rows, not names, unindexed, size)

    @contextmanager
    def _current(self, condition: str | None = None) -> Iterator[Any]:
        """Yield the current table, after checking that it belongs to the same model, and explain LanceDB's errors."""
        before = self.schema.metadata
        try:
            with explained(self.path):
                yield self._table
        except ValueError as error:
            if condition is not None and _OF_VALUES.search(str(error)):
                raise self._of_condition(error.__cause__ or error) from error
            if self.schema.metadata != before:
                raise ValueError(
                    f"The index {str(self.path)!r} was replaced by another one while it was being read. Try again."
                ) from error
            raise

    def _of_condition(self, error: BaseException) -> ValueError:
        return ValueError(f"The filter cannot be used: {reason_of(error)}. The columns are {', '.join(self.columns)}.")


def _new(path: Path, schema: pa.Schema) -> Any:
    """Make an empty table, replacing any that is there."""
    shutil.rmtree(path / FOLDER, ignore_errors=True)
    named = schema.with_metadata({**(schema.metadata or {}), _INDEX_ID: uuid.uuid4().hex.encode()})
    with explained(path):
        return connect(path).create_table(TABLE, schema=named)


def _unfinished(path: Path, schema: pa.Schema) -> Any:
    """Return the table that an interrupted build left, if it was the same build."""
    if not has_versions(path):
        return None
    try:
        with explained(path):
            table = connect(path).open_table(TABLE)
            found = table.schema
            table.count_rows()
    except ValueError as error:
        _LOG.warning("Cannot resume the interrupted build, so it starts again: %s", error)
        return None
    metadata = {name: value for name, value in (found.metadata or {}).items() if name != _INDEX_ID}
    if found.equals(schema, check_metadata=False) and metadata == schema.metadata:
        return table
    _LOG.warning("%s belongs to a build of other pairs or another model, so it is replaced.", path)
    return None


def _indices(table: Any, column: str) -> list[str]:
    return [index.name for index in table.list_indices() if index.columns == [column]]


def _ann_config(parts: int | None) -> Any:
    # 4 bits per dimension: such an index is built in seconds, and is exact enough even for vectors of few dimensions.
    return import_extra("lancedb.index", "search").IvfRq(distance_type="cosine", num_bits=4, num_partitions=parts)
