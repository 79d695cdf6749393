"""An index of word pairs on disk, searched by their relation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from tqdm.auto import tqdm

from st_relbert.identity import MODEL_METADATA, ModelIdentity
from st_relbert.model import RelBERT
from st_relbert.pairs import Pair, as_pairs, is_flat_pair
from st_relbert.search.rows import RESERVED, Row, Where, as_rows, as_sql, as_table, chunks, schema_of, vectors_of
from st_relbert.search.store import ANN_FROM, PairStore, StoreState
from st_relbert.vectors import PairVectors


@dataclass(frozen=True)
class Hit:
    """One result of a search.

    Args:
        head: The head word.
        tail: The tail word.
        relation: The relation the pair is labelled with, if any.
        score: The cosine to the query, from -1 to 1.
        columns: The values of the index's further columns.
    """

    head: str
    tail: str
    relation: str | None
    score: float
    columns: dict[str, Any] = field(default_factory=dict)

    @property
    def pair(self) -> Pair:
        """Head and tail."""
        return self.head, self.tail


Exclude = Literal["pair", "words", "nothing"]


class RelationIndex:
    """Word pairs on disk, found again by their relation.

    A row is a pair, the relation it is labelled with (if any), the values of further columns, and the pair's vector,
    scaled to length 1. Below 20,000 rows a search compares the query with all of them; from there :meth:`add` builds
    an approximate index, and :attr:`state` says so. The folder is a LanceDB database, which other programs can read.

    Use :meth:`create` and :meth:`open`.

    Args:
        store: The rows.
        model: What queries and new pairs are encoded with; None: the model that made the index, loaded when needed.

    Raises:
        ValueError: If no index made the rows, or another model did.

    Example:
        >>> index = RelationIndex.create("capitals", model)  # doctest: +SKIP
        >>> index.add([("Paris", "France"), ("hand", "finger")])  # doctest: +SKIP
        2
        >>> index.search(("Tokyo", "Japan"), k=1)[0].pair  # doctest: +SKIP
        ('Paris', 'France')
    """

    def __init__(self, store: PairStore, model: SentenceTransformer | None = None) -> None:
        metadata = store.schema.metadata or {}
        if MODEL_METADATA not in metadata:
            raise ValueError(f"{str(store.path)!r} is a LanceDB table that no RelationIndex made: it names no model.")
        self._store = store
        self._model = model
        self.identity = ModelIdentity.from_json(metadata[MODEL_METADATA])
        """The model whose vectors these are."""
        if model is not None:
            self.identity.require_same(ModelIdentity.of(model))

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        model: SentenceTransformer,
        columns: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> RelationIndex:
        """Make an empty index.

        Args:
            path: A folder, which is made.
            model: A SentenceTransformer that takes pairs.
            columns: The type of each column besides head, tail and relation: ``str``, ``int``, ``float``, ``bool`` or
                an Arrow type.
            overwrite: Replace an index that is there.

        Raises:
            ValueError: If there is something at the path that may not be replaced, or a column cannot be made.
            MissingExtraError: If LanceDB is not installed.
        """
        identity = ModelIdentity.of(model)
        schema = schema_of(columns or {}, identity.dimension).with_metadata(
            {MODEL_METADATA: identity.as_json().encode()}
        )
        return cls(PairStore.create(Path(path), schema, overwrite), model)

    @classmethod
    def open(cls, path: str | os.PathLike[str], model: SentenceTransformer | None = None) -> RelationIndex:
        """Open an index.

        Args:
            path: The folder.
            model: The model that made it; None: it is loaded from where it was then, when a pair has to be encoded.

        Raises:
            ValueError: If there is no index, or the model is another one.
            MissingExtraError: If LanceDB is not installed.
        """
        return cls(PairStore.open(Path(path)), model)

    @property
    def model(self) -> SentenceTransformer:
        """What queries and new pairs are encoded with.

        Raises:
            ValueError: If the model that made the index is no longer there, or has changed.
        """
        if self._model is None:
            made_by: Any = self.identity
            model = RelBERT(made_by.name, template=made_by.template, pooling=made_by.pooling)
            self.identity.require_same(ModelIdentity.of(model))
            self._model = model
        return self._model

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
        return [name for name in self._store.schema.names if name not in ("row_key", "vector")]

    @property
    def state(self) -> StoreState:
        """Rows, bytes, and whether searches are exact."""
        return self._store.state()

    def add(
        self,
        rows: Iterable[Any],
        batch_size: int = 64,
        chunk_size: int = 8192,
        show_progress_bar: bool = False,
        total: int | None = None,
    ) -> int:
        """Add pairs; those that are there already, with the same relation, are left as they are.

        Rows are read, encoded and written chunk by chunk. After an interruption all chunks but the last are there, and
        the same call goes on with the rest.

        Args:
            rows: Pairs; or mappings with ``head``, ``tail`` and optionally ``relation`` and further columns (a
                ``datasets.Dataset``). Rows may also bring a ``vector`` ``(d,)`` of the index's model along, all of
                them or none.
            batch_size: Pairs encoded at a time.
            chunk_size: Rows held in memory and written at a time.
            show_progress_bar: Show the number of rows done.
            total: The number of rows, for the progress bar.

        Returns:
            How many rows are new.

        Raises:
            ValueError: If a row is no pair or has an unknown column, or the model gives a pair no usable vector. The
                chunks before it have been added.
            OSError: If the disk is full.
        """
        added = 0
        named = [name for name in self.columns if name not in RESERVED]
        with tqdm(desc="Adding", unit=" pairs", total=total, disable=not show_progress_bar) as progress:
            for chunk in chunks(as_rows(rows, named), chunk_size):
                present = self._store.present([row.key for row in chunk.rows])
                new = [row for row in chunk.rows if row.key not in present]
                if new:
                    added += self._store.insert(self._encoded(new, batch_size))
                progress.update(chunk.read)
        state = self.state
        if added and state.rows >= ANN_FROM and (state.exact or state.unindexed > state.rows // 10):
            self.optimize()
        return added

    def search(
        self,
        query: Any,
        k: int = 10,
        where: Where | None = None,
        exclude: Exclude = "pair",
        exact: bool = False,
    ) -> list[Hit]:
        """Find the pairs whose relation is most like the query's.

        Args:
            query: A pair; or several, examples of one relation, whose vectors (of length 1) are averaged; or a vector
                ``(d,)``.
            k: The number of rows to find; fewer where there are no more.
            where: Only rows that meet this: SQL, or values by column; see :func:`st_relbert.search.rows.as_sql`.
            exclude: ``"pair"``: not the query's pairs themselves; ``"words"``: no pair either that shares a word with
                them, upper and lower case taken for the same; ``"nothing"``.
            exact: Compare with all rows even where there is an approximate index.

        Returns:
            The best first.

        Raises:
            ValueError: If the query is neither, the filter cannot be used, or ``k`` is not positive.
        """
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise ValueError(f"k is {k!r}, expected a number of rows from 1 up.")
        if exclude not in get_args(Exclude):
            raise ValueError(f"exclude is {exclude!r}, expected {', '.join(map(repr, get_args(Exclude)))}.")
        pairs, vector = self._query(query)
        condition = as_sql(where, self.columns)
        # What is excluded is left out afterwards: a condition on words would be looked at for every row.
        left_out = _excluder(pairs, exclude)
        wanted, rows = k, len(self)
        while True:
            wanted = min(wanted + len(pairs) + 4, max(rows, 1))
            hits = self._hits(vector, wanted, condition, exact)
            kept = [hit for hit in hits if not left_out(hit)]
            if len(kept) >= k or len(hits) < wanted or wanted >= rows:
                return kept[:k]
            wanted *= 4

    def search_relation(self, relation: str, k: int = 10, where: Where | None = None) -> list[Hit]:
        """Find pairs like those that are labelled with a relation, which are left out themselves.

        Args:
            relation: The label. At most 1,000 of its pairs are averaged.
            k: See :meth:`search`.
            where: See :meth:`search`.

        Raises:
            ValueError: If no row has the label.
        """
        rows = self._store.read(["head", "tail"], as_sql({"relation": relation}, self.columns), limit=1000)
        pairs = [(row["head"], row["tail"]) for row in rows]
        if not pairs:
            known = ", ".join(self.relations()[:20]) or "none"
            raise ValueError(f"No row has the relation {relation!r}. The index has: {known}.")
        other = f"(relation IS NULL OR NOT ({as_sql({'relation': relation}, self.columns)}))"
        condition = as_sql(where, self.columns)
        return self.search(pairs, k, f"({condition}) AND {other}" if condition else other)

    def relations(self) -> list[str]:
        """The labels, sorted."""
        labels = {row["relation"] for row in self._store.read(["relation"], "relation IS NOT NULL")}
        return sorted(labels)

    def words(self) -> list[str]:
        """All heads and tails, each once, sorted."""
        return sorted({word for row in self._store.read(["head", "tail"], None) for word in row.values()})

    def rows(self, where: Where | None = None, vectors: bool = False) -> Iterator[dict[str, Any]]:
        """The rows, a few thousand at a time in memory.

        Args:
            where: See :meth:`search`.
            vectors: Give the vectors along, as lists.
        """
        columns = [*self.columns, "vector"] if vectors else self.columns
        return self._store.read(columns, as_sql(where, self.columns))

    def delete(self, where: Where) -> int:
        """Delete the rows that meet a condition; see :meth:`search`.

        Returns:
            How many those were.
        """
        condition = as_sql(where, self.columns)
        if condition is None:
            raise ValueError("No condition says what to delete. Give one, for instance {'relation': 'capital'}.")
        return self._store.delete(condition)

    def optimize(self) -> None:
        """Merge small files, remove old versions, and from 20,000 rows on build or extend the approximate index."""
        self._store.optimize()

    def _encoded(self, rows: list[Row], batch_size: int) -> Any:
        pairs = [row.pair for row in rows]
        if any(row.vector is not None for row in rows):
            vectors = vectors_of(rows, self.identity.dimension)
        else:
            vectors = PairVectors.encode(self.model, pairs, batch_size)
        return as_table(rows, vectors.unit(pairs), self._store.schema)

    def _query(self, query: Any) -> tuple[list[Pair], NDArray[np.float32]]:
        """The pairs of a query, and its vector ``(d,)``."""
        if isinstance(query, np.ndarray) and query.dtype.kind == "f":
            if query.shape != (self.identity.dimension,):
                raise ValueError(f"The query has the shape {query.shape}, expected ({self.identity.dimension},).")
            return [], query.astype(np.float32)
        pairs = as_pairs([query] if is_flat_pair(query) else list(query), "query pair")
        if not pairs:
            raise ValueError("The query holds no pair, expected at least one.")
        mean: NDArray[np.float32] = PairVectors.encode(self.model, pairs).unit(pairs).mean(axis=0)
        return pairs, mean

    def _hits(self, vector: NDArray[np.float32], k: int, condition: str | None, exact: bool) -> list[Hit]:
        if not np.isfinite(vector).all() or not vector.any():
            raise ValueError("The query's vector is zero or not finite, so it has no cosine to any other.")
        rows, cosines = self._store.search(vector, k, condition, exact)
        return [_hit(row, float(cosine)) for row, cosine in zip(rows, cosines, strict=True)]


def _hit(row: dict[str, Any], score: float) -> Hit:
    columns = {name: value for name, value in row.items() if name not in RESERVED}
    return Hit(row["head"], row["tail"], row["relation"], score, columns)


def _excluder(pairs: Sequence[Pair], exclude: Exclude) -> Callable[[Hit], bool]:
    """Whether a hit is to be left out."""
    if exclude == "words":
        words = {word.casefold() for pair in pairs for word in pair}
        return lambda hit: not words.isdisjoint((hit.head.casefold(), hit.tail.casefold()))
    known = set(pairs) if exclude == "pair" else set()
    return lambda hit: hit.pair in known
