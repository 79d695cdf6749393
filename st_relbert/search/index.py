"""An index of word pairs on disk, searched by their relation."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field, replace
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from tqdm.auto import tqdm

from st_relbert.identity import MODEL_METADATA, ModelIdentity
from st_relbert.model import RelBERT
from st_relbert.pairs import Pair, as_pairs, is_flat_pair
from st_relbert.search.rows import (
    RESERVED,
    Row,
    Where,
    as_rows,
    as_sql,
    as_table,
    chunks,
    digest_of,
    literal,
    schema_of,
    vectors_of,
)
from st_relbert.search.sources import PairSource
from st_relbert.search.store import PairStore, StoreState, check_place
from st_relbert.vectors import PairVectors

_LOG = logging.getLogger(__name__)

_MADE_OF = b"st_relbert.rows"


@dataclass(frozen=True)
class SearchHit:
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
    scaled to length 1. Below 20,000 rows a search compares the query with all of them; from there `add` builds an
    approximate index, and `state` says so. The folder is a LanceDB database, which other programs can read.

    `create` makes an empty index, `build` one of rows that are there already; `open` opens either.

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
        self._model: SentenceTransformer | None = None
        self._model_name = self.identity.name
        if isinstance(model, str | os.PathLike):
            self._model_name = os.fspath(model)
        elif model is not None:
            self.identity.require_same(ModelIdentity.of(model))
            self._model = model

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        model: SentenceTransformer,
        columns: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        *,
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
        identity = _named(ModelIdentity.of(model), model, saved_as)
        return cls(PairStore.create(Path(path), _schema(columns or {}, identity), overwrite), model)

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
            rows: See `add`; what can be read twice, such as a list, a `datasets.Dataset` or what `open_pair_source`
                gives.
            model: See `create`.
            columns: See `create`; None: those of the source.
            overwrite: Replace an index that is there, when the new one is whole.
            saved_as: See `create`.
            batch_size: See `add`.
            chunk_size: See `add`.
            show_progress_bar: See `add`.

        Raises:
            ValueError: If there is something at the path that may not be replaced, another process builds the same
                index, a column cannot be made or a row is none.
            OSError: If the disk is full.
            MissingExtraError: If LanceDB is not installed.
        """
        if isinstance(rows, Iterator):
            raise ValueError(
                f"The rows are a {type(rows).__name__}, which can be read once only, expected a list, a Dataset or "
                "what open_pair_source gives: all rows are checked before the first is encoded."
            )
        check_place(Path(path), overwrite)
        identity = ModelIdentity.of(model)
        if isinstance(rows, PairSource):
            columns, digest = columns or rows.columns, rows.check()
            rows.require_vectors_of(identity)
        else:
            columns = columns or {}
            digest = digest_of(rows, columns)
        schema = _schema(columns, _named(identity, model, saved_as), {_MADE_OF: digest.encode()})
        with PairStore.building(Path(path), schema, overwrite) as store:
            cls(store, model).add(
                rows, batch_size, chunk_size, show_progress_bar, len(rows) if isinstance(rows, Sized) else None
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
        if self._model is None:
            if not self._model_name:
                raise ValueError(
                    f"The model of the index {str(self.path)!r} was not saved when the index was made. Open it with "
                    "the model: RelationIndex.open(path, model), or --model FOLDER."
                )
            model = _load(self._model_name, self.identity)
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
        return self._store.columns

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
            rows: Pairs; or mappings with `head`, `tail` and optionally `relation` and further columns (a
                `datasets.Dataset`). Rows may also bring a `vector` `(d,)` of the index's model along, all of
                them or none.
            batch_size: Pairs encoded at a time.
            chunk_size: Rows held in memory and written at a time.
            show_progress_bar: Show the number of rows done.
            total: The number of rows, for the progress bar.

        Returns:
            How many rows are new.

        Raises:
            ValueError: If a row is no pair or has an unknown column, the model gives a pair no usable vector, or
                another index has taken the place. The chunks before it have been added.
            OSError: If the disk is full, or another process does not stop writing.
        """
        added = 0
        schema = self._store.schema
        named = [name for name in schema.names if name not in RESERVED]
        with tqdm(desc="Adding", unit=" pairs", total=total, disable=not show_progress_bar) as progress:
            for chunk in chunks(as_rows(rows, named), chunk_size):
                present = self._store.present([row.key for row in chunk.rows])
                new = [row for row in chunk.rows if row.key not in present]
                if new:
                    added += self._store.insert(as_table(new, self._encoded(new, batch_size), schema))
                progress.update(chunk.read)
        # Also without a new row: an interrupted call may have added the last one.
        if self.state.wants_optimizing:
            self.optimize()
        return added

    def search(
        self,
        query: Any,
        k: int = 10,
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
                them, upper and lower case taken for the same; `"nothing"`.
            exact: Compare with all rows even where there is an approximate index.

        Returns:
            The best first.

        Raises:
            ValueError: If the query is neither, the filter cannot be used, or `k` is not positive.
        """
        _check_count(k, "k")
        if exclude not in get_args(Exclude):
            raise ValueError(f"exclude is {exclude!r}, expected {', '.join(map(repr, get_args(Exclude)))}.")
        condition = self._condition(where)
        pairs, vector = self._query(query)
        return self._nearest(vector, k, condition, exact, _excluder(pairs, exclude), len(pairs))

    def search_relation(self, relation: str, k: int = 10, where: Where | None = None) -> list[SearchHit]:
        """Find pairs like those that are labelled with a relation, which are left out themselves.

        Args:
            relation: The label. The vectors of its first 1,000 pairs are averaged; nothing is encoded.
            k: See `search`.
            where: See `search`.

        Raises:
            ValueError: If no row has the label.
        """
        _check_count(k, "k")
        condition = self._condition(where)
        rows = list(islice(self.rows_of_relation(relation, vectors=True), 1000))
        pairs = {(row["head"], row["tail"]) for row in rows}
        prototype = np.asarray([row["vector"] for row in rows], dtype=np.float32).mean(axis=0)
        other = f"(relation IS NULL OR relation != {literal(relation)})"
        condition = f"{condition} AND {other}" if condition else other
        return self._nearest(prototype, k, condition, False, _excluder(pairs, "pair"), len(pairs))

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
        """Delete the rows that meet a condition; see `search`.

        Returns:
            How many those were.
        """
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

    def _encoded(self, rows: list[Row], batch_size: int) -> NDArray[np.float32]:
        pairs = [row.pair for row in rows]
        if any(row.vector is not None for row in rows):
            return vectors_of(rows, self.identity.dimension).unit(pairs)
        return PairVectors.encode(self.model, pairs, batch_size).unit(pairs)

    def _query(self, query: Any) -> tuple[list[Pair], NDArray[np.float32]]:
        """The pairs of a query, and its vector `(d,)`."""
        if isinstance(query, np.ndarray) and query.dtype.kind == "f":
            if query.shape != (self.identity.dimension,):
                raise ValueError(f"The query has the shape {query.shape}, expected ({self.identity.dimension},).")
            return [], query.astype(np.float32)
        pairs = as_pairs([query] if is_flat_pair(query) else list(query), "query pair")
        if not pairs:
            raise ValueError("The query holds no pair, expected at least one.")
        mean: NDArray[np.float32] = PairVectors.encode(self.model, pairs).unit(pairs).mean(axis=0)
        return pairs, mean

    def _nearest(
        self,
        vector: NDArray[np.float32],
        k: int,
        condition: str | None,
        exact: bool,
        left_out: Callable[[SearchHit], bool],
        expected: int,
    ) -> list[SearchHit]:
        """The best hits that are not left out, of which about `expected` are."""
        if not np.isfinite(vector).all() or not vector.any():
            raise ValueError("The query's vector is zero or not finite, so it has no cosine to any other.")
        # What is excluded is left out afterwards: a condition on words would be looked at for every row.
        wanted, rows = k, len(self)
        while True:
            wanted = min(wanted + expected + 4, max(rows, 1))
            hits = [_hit(*found) for found in zip(*self._store.search(vector, wanted, condition, exact), strict=True)]
            kept = [hit for hit in hits if not left_out(hit)]
            if len(kept) >= k or len(hits) < wanted or wanted >= rows:
                return kept[:k]
            wanted *= 4


def _schema(
    columns: Mapping[str, Any], identity: ModelIdentity, metadata: Mapping[bytes, bytes] | None = None
) -> pa.Schema:
    made_by = {MODEL_METADATA: identity.as_json().encode()}
    return schema_of(columns, identity.dimension).with_metadata({**made_by, **(metadata or {})})


def _load(name: str, identity: ModelIdentity, **kwargs: Any) -> RelBERT:
    made_by: Any = identity
    return RelBERT(name, template=made_by.template, pooling=made_by.pooling, **kwargs)


def _named(
    identity: ModelIdentity, model: SentenceTransformer, saved_as: str | os.PathLike[str] | None
) -> ModelIdentity:
    """An identity by the name that loads the model again; without a name, and a warning, if there is none."""
    if saved_as is not None:
        name = os.fspath(saved_as)
        return replace(identity, name=os.path.abspath(name) if os.path.isdir(name) else name)
    # A model in memory may have been trained since it was loaded, and bears the name of its encoder still.
    names: tuple[str | None, ...] = (getattr(model, "saved_to", None), identity.name)
    for known in names:
        if known and _is_saved_as(known, identity):
            return replace(identity, name=known)
    _LOG.warning(
        "The model is not saved as it is now (%s), so the index can be opened with the model only. Save it first, or "
        "name the folder it will be in: saved_as=...",
        f"{identity.name!r} is of other weights" if identity.name else "it has no name",
    )
    return replace(identity, name="")


def _is_saved_as(name: str, identity: ModelIdentity) -> bool:
    try:
        identity.require_same(ModelIdentity.of(_load(name, identity, local_files_only=True, device="cpu")))
    except (ValueError, OSError):
        return False
    return True


def _check_count(value: Any, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} is {value!r}, expected a number of rows from 1 up.")


def _hit(row: dict[str, Any], score: np.float32) -> SearchHit:
    columns = {name: value for name, value in row.items() if name not in RESERVED}
    return SearchHit(row["head"], row["tail"], row["relation"], float(score), columns)


def _excluder(pairs: Collection[Pair], exclude: Exclude) -> Callable[[SearchHit], bool]:
    """Whether a hit is to be left out."""
    if exclude == "words":
        words = {word.casefold() for pair in pairs for word in pair}
        return lambda hit: not words.isdisjoint((hit.head.casefold(), hit.tail.casefold()))
    known = set(pairs) if exclude == "pair" else set()
    return lambda hit: hit.pair in known
