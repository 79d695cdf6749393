"""An index of word pairs on disk, searched by their relation."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sentence_transformers import SentenceTransformer
from tqdm.auto import tqdm

from st_relbert.identity import MODEL_METADATA, ModelIdentity
from st_relbert.search.folder import check_place
from st_relbert.search.hits import Exclude, Exclusion, SearchHit, check_wanted, nearest
from st_relbert.search.models import IndexModel, check_rows, saved_identity
from st_relbert.search.rows import RESERVED, Where, as_rows, as_sql, as_table, chunks, literal, schema_of
from st_relbert.search.sources import as_pair_source
from st_relbert.search.store import PairStore, StoreState

_MADE_OF = b"st_relbert.rows"


class RelationIndex:
    """Word pairs on disk, found again by their relation.

    A row is a pair, the relation it is labelled with (if any), the values of further columns, and the pair's vector,
    scaled to length 1. Below 20,000 rows a search compares the query with all of them; from there `add` builds an
    approximate index, and `state` says so. The folder is a LanceDB database, which other programs can read. `create`
    makes an empty index, `build` one of rows that are there already; `open` opens either.

    Args:
        store: The rows.
        model: What queries and new pairs are encoded with, or where to load it from when it is needed; None: from
            where it was when the index was made.

    Raises:
        ValueError: If the model is not the one that made the index.

    Examples:
        >>> index = RelationIndex.create("capitals", model)
        >>> index.add([("Paris", "France"), ("Paris", "France")])
        1
        >>> index.search(("Tokyo", "Japan"), k=1)[0].pair
        ('Paris', 'France')
    """

    def __init__(self, store: PairStore, model: SentenceTransformer | str | os.PathLike[str] | None = None) -> None:
        self._store = store
        self.identity = store.identity
        """The model whose vectors these are."""
        self._model = IndexModel(store.identity, model, store.path)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        model: SentenceTransformer,
        *,
        columns: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        saved_as: str | os.PathLike[str] | None = None,
    ) -> RelationIndex:
        """Make an empty index.

        Args:
            path: A folder, which is made.
            model: A SentenceTransformer that takes pairs.
            columns: The type of each column besides head, tail and relation: `str`, `int`, `float`, `bool` or an Arrow
                type.
            overwrite: Replace an index that is there.
            saved_as: The folder or hub id from which the index, opened without a model, loads it. None: where the
                model was saved or loaded from last, if that is how it is now; otherwise a warning says that the index
                can be opened with the model only.

        Raises:
            ValueError: If there is something at the path that may not be replaced, or a column cannot be made.
            MissingExtraError: If LanceDB is not installed.
        """
        check_place(Path(path), overwrite)
        schema = _schema(columns or {}, saved_identity(model, saved_as))
        return cls(PairStore.create(Path(path), schema, overwrite), model)

    @classmethod
    def build(
        cls,
        path: str | os.PathLike[str],
        rows: Iterable[Any],
        model: SentenceTransformer,
        *,
        columns: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        saved_as: str | os.PathLike[str] | None = None,
        batch_size: int = 64,
        chunk_size: int = 8192,
        show_progress_bar: bool = False,
    ) -> RelationIndex:
        """Make an index of rows, which is at its place when it is whole, and not before.

        All rows are checked before the first is encoded. After an interruption the same call goes on; until then what
        is done is in `{path}.partial`.

        Args:
            path: See `create`.
            rows: See `add`; what can be read twice, such as a list, a `Dataset` or what `open_pair_source` gives.
            model: See `create`.
            columns: See `create`; None: those of the source.
            overwrite: Replace an index that is there, when the new one is whole.
            saved_as: See `create`.
            batch_size: See `add`.
            chunk_size: See `add`.
            show_progress_bar: See `add`.

        Raises:
            ValueError: If what is at the path may not be replaced, another process builds the same index, a column
                cannot be made or a row is none.
            OSError: If the disk is full.
            MissingExtraError: If LanceDB is not installed.
        """
        source = as_pair_source(rows, columns)
        check_place(Path(path), overwrite)
        digest = source.check()
        check_rows(as_rows(source, source.columns), lambda: model)
        identity = saved_identity(model, saved_as)
        source.require_vectors_of(identity)
        schema = _schema(source.columns, identity, {_MADE_OF: digest.encode()})
        with PairStore.building(Path(path), schema, overwrite) as store:
            cls(store, model).add(
                iter(source),  # checked
                batch_size=batch_size,
                chunk_size=chunk_size,
                show_progress_bar=show_progress_bar,
                total=source.total,
            )
        return cls.open(path, model)

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], model: SentenceTransformer | str | os.PathLike[str] | None = None
    ) -> RelationIndex:
        """Open an index.

        Args:
            path: The folder.
            model: The model that made it, or its folder or hub id; None: it is loaded from where it was then. Loading
                waits until a pair has to be encoded.

        Raises:
            ValueError: If there is no index, it is damaged, or the model is another one.
            MissingExtraError: If LanceDB is not installed.
        """
        return cls(PairStore.open(Path(path)), model)

    @property
    def model(self) -> SentenceTransformer:
        """What queries and new pairs are encoded with.

        Raises:
            ValueError: If the model that made the index is no longer there, or has changed.
        """
        return self._model.loaded

    def __len__(self) -> int:
        """The number of rows."""
        return len(self._store)

    @property
    def path(self) -> Path:
        """The folder."""
        return self._store.path

    @property
    def columns(self) -> list[str]:
        """The columns, but for the row's key and vector."""
        return self._store.columns

    @property
    def state(self) -> StoreState:
        """Rows, bytes, and whether searches are exact."""
        return self._store.state()

    def add(
        self,
        rows: Iterable[Any],
        *,
        batch_size: int = 64,
        chunk_size: int = 8192,
        show_progress_bar: bool = False,
        total: int | None = None,
    ) -> int:
        """Add pairs; those that are there already, with the same relation, are left as they are.

        Rows are checked, but for those of an iterator, then encoded and written chunk by chunk. After an interruption
        all chunks but the last are there, and the same call goes on with the rest.

        Args:
            rows: Pairs; or mappings with `head`, `tail` and optionally `relation` and further columns (a
                `datasets.Dataset`). All may bring a `vector` `(d,)` of the index's model along.
            batch_size: Pairs encoded at a time.
            chunk_size: Rows held in memory and written at a time.
            show_progress_bar: Show the number of rows done.
            total: The number of rows, for the progress bar.

        Returns:
            How many rows are new.

        Raises:
            ValueError: If a row is no pair, does not fit into a prompt or has an unknown column, the model gives a pair
                no usable vector, or another index has taken the place. Chunks that were written before stay.
            OSError: If the disk is full, or another process does not stop writing.
        """
        added = 0
        schema = self._store.schema
        named = [name for name in schema.names if name not in RESERVED]
        if not isinstance(rows, Iterator):
            check_rows(as_rows(rows, named), lambda: self.model)
        with tqdm(desc="Adding", unit=" pairs", total=total, disable=not show_progress_bar) as progress:
            for chunk in chunks(as_rows(rows, named), chunk_size):
                present = self._store.present([row.key for row in chunk.rows])
                new = [row for row in chunk.rows if row.key not in present]
                if new:
                    added += self._store.insert(as_table(new, self._model.encode_rows(new, batch_size), schema))
                progress.update(chunk.read)
        # Also without a new row: an interrupted call may have added the last one.
        if self.state.wants_optimizing:
            self.optimize()
        return added

    def search(
        self,
        query: Any,
        k: int = 10,
        *,
        where: Where | None = None,
        exclude: Exclude = "pair",
        exact: bool = False,
    ) -> list[SearchHit]:
        """Find the pairs whose relation is most like the query's.

        Args:
            query: A pair; or several, examples of one relation, whose vectors (of length 1) are averaged; or a vector
                `(d,)`.
            k: The number of rows to find; fewer where there are no more.
            where: Only rows that meet this: SQL, or values by column; see `st_relbert.search.rows.as_sql`.
            exclude: `"pair"`: not the query's pairs themselves; `"words"`: no pair either that shares a word with
                them, however it is written (case, underscores, accents); `"nothing"`.
            exact: Compare with all rows even where there is an approximate index.

        Returns:
            The best first.

        Raises:
            ValueError: If the query is neither, the filter cannot be used, or `k` is not positive.
        """
        check_wanted(k, exclude)
        condition = self._condition(where)
        pairs, vector = self._model.read_query(query)
        return nearest(self._store, vector, k, condition, Exclusion(pairs, exclude), exact)

    def search_relation(self, relation: str, k: int = 10, *, where: Where | None = None) -> list[SearchHit]:
        """Find pairs like those that are labelled with a relation, which are left out themselves.

        Args:
            relation: The label. The vectors of its first 1,000 pairs are averaged; nothing is encoded.
            k: See `search`.
            where: See `search`.

        Raises:
            ValueError: If no row has the label.
        """
        check_wanted(k)
        condition = self._condition(where)
        rows = list(islice(self.rows_of_relation(relation, vectors=True), 1000))
        pairs = {(row["head"], row["tail"]) for row in rows}
        prototype = np.asarray([row["vector"] for row in rows], dtype=np.float32).mean(axis=0)
        other = f"(relation IS NULL OR relation != {literal(relation)})"
        condition = f"{condition} AND {other}" if condition else other
        return nearest(self._store, prototype, k, condition, Exclusion(pairs))

    def rows_of_relation(
        self, relation: str, where: Where | None = None, vectors: bool = False
    ) -> Iterator[dict[str, Any]]:
        """The rows that are labelled with a relation; see `rows`.

        Raises:
            ValueError: If there is none.
        """
        label, condition = self._condition({"relation": relation}), self._condition(where)
        if not self._store.count(label):
            known = ", ".join(self.relations()[:20]) or "none"
            raise ValueError(f"No row has the relation {relation!r}. The index has: {known}.")
        columns = [*self.columns, "vector"] if vectors else self.columns
        return self._store.read(columns, f"{label} AND {condition}" if condition else label)

    def relations(self) -> list[str]:
        """The labels, sorted."""
        return sorted(self.relation_counts())

    def relation_counts(self) -> Counter[str]:
        """How many rows have each label."""
        return Counter(row["relation"] for row in self._store.read(["relation"], "relation IS NOT NULL"))

    def tails(self, head: str) -> list[str]:
        """The tails of the pairs that begin with a word, each once, sorted."""
        return sorted({row["tail"] for row in self._store.read(["tail"], self._condition({"head": head}))})

    def words(self) -> list[str]:
        """All heads and tails, each once, sorted."""
        return sorted({word for row in self._store.read(["head", "tail"], None) for word in row.values()})

    def rows(self, where: Where | None = None, vectors: bool = False) -> Iterator[dict[str, Any]]:
        """The rows, a few thousand at a time in memory.

        Args:
            where: See `search`.
            vectors: Give the vectors along, as lists.
        """
        columns = [*self.columns, "vector"] if vectors else self.columns
        return self._store.read(columns, self._condition(where))

    def delete(self, where: Where) -> int:
        """Delete the rows that meet a condition (see `search`), and say how many those were."""
        condition = self._condition(where)
        if condition is None:
            raise ValueError("No condition says what to delete. Give one, for instance {'relation': 'capital'}.")
        return self._store.delete(condition)

    def optimize(self) -> None:
        """Merge small files, remove old versions, and from 20,000 rows on build or extend the approximate index."""
        self._store.optimize()

    def _condition(self, where: Where | None) -> str | None:
        """A filter as SQL, checked before anything is read or encoded for it."""
        condition = as_sql(where, self.columns)
        if condition is not None:
            self._store.check(condition)
        return condition


def _schema(
    columns: Mapping[str, Any], identity: ModelIdentity, metadata: Mapping[bytes, bytes] | None = None
) -> pa.Schema:
    made_by = {MODEL_METADATA: identity.as_json().encode()}
    return schema_of(columns, identity.dimension).with_metadata({**made_by, **(metadata or {})})
