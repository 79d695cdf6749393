"""An index of word pairs on disk, searched by their relation."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from tqdm.auto import tqdm

from st_relbert.identity import MODEL_METADATA, ModelIdentity
from st_relbert.pairs import Pair
from st_relbert.search.calibration import NEIGHBOURS, Calibration, make_calibration, read_calibration
from st_relbert.search.content import IndexContent
from st_relbert.search.folder import check_place
from st_relbert.search.hits import Exclude, Exclusion, RelationMeans, SearchHit, best_of, check_wanted, nearest
from st_relbert.search.models import IndexModel, check_rows, saved_identity
from st_relbert.search.rows import RESERVED, Where, as_rows, as_table, chunks, literal, schema_of
from st_relbert.search.sources import as_pair_source
from st_relbert.search.store import PairStore

_MADE_OF = b"st_relbert.rows"


class RelationIndex(IndexContent):
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
        super().__init__(store)
        self.identity = store.identity
        """The model whose vectors these are."""
        self._model = IndexModel(store.identity, model, store.path)
        self._means: RelationMeans | None = None

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
            make_calibration(store, IndexModel(identity, model, Path(path)))
            RelationMeans.of(store)
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

    @property
    def calibration(self) -> Calibration | None:
        """What its cosines mean; None: it is not calibrated, or has changed by a fifth since. `build` calibrates."""
        return read_calibration(self._store)

    def calibrate(self) -> Calibration | None:
        """Calibrate the index again, on pairs of its own and pairs that stand in no relation; it takes seconds.

        Returns:
            The calibration, which is kept with the index; None: the index has fewer than 100 labelled pairs, or one
            relation only, and gives no probabilities.

        Raises:
            ValueError: If the model that made the index is no longer there, or has changed.
        """
        return make_calibration(self._store, self._model)

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
        both_directions: bool = False,
    ) -> list[SearchHit]:
        """Find the pairs whose relation is most like the query's.

        Where rows have labels, a pair also ranks higher the more the mean of its relation's pairs is like the query
        (`SearchHit.strength`): the nearest few hundred rows are put in that order.

        Args:
            query: A pair; or several, examples of one relation, whose vectors (of length 1) are averaged; or a vector
                `(d,)`.
            k: The number of rows to find; fewer where there are no more.
            where: Only rows that meet this: SQL, or values by column; see `st_relbert.search.rows.as_sql`.
            exclude: `"pair"`: not the query's pairs themselves; `"words"`: no pair either that shares a word with
                them, however it is written (case, underscores, accents); `"nothing"`.
            exact: Compare with all rows even where there is an approximate index.
            both_directions: Also find pairs that stand the other way round: *France : Paris* for *Tokyo : Japan*. Such
                a hit is turned to the query's direction, and says so.

        Returns:
            The best first.

        Raises:
            ValueError: If the query is neither, the filter cannot be used, `k` is not positive, or a vector is to be
                searched in both directions.
        """
        check_wanted(k, exclude)
        condition = self._condition(where)
        pairs, vector = self._model.read_query(query)
        turned = [pair[::-1] for pair in pairs] if both_directions else []
        left_out = Exclusion([*pairs, *turned], exclude)
        hits = self._strongest(vector, k, condition, left_out, exact)
        if both_directions:
            _, vector = self._model.read_query(turned)
            other = self._strongest(vector, k, condition, left_out, exact)
            hits = best_of([*hits, *(hit.turned() for hit in other)], k)
        return self._judged(hits)

    def relatedness(self, pair: Pair) -> float | None:
        """The probability that two words stand in a relation such as those of the index, in whatever direction.

        An index that is not calibrated is calibrated first.

        Args:
            pair: The pair; rows of the index with the very same pair do not count.

        Returns:
            The probability; None: the index has too few labelled pairs to tell.

        Raises:
            ValueError: If it is no pair, or the model that made the index is no longer there.
        """
        if (calibration := self.calibration or self.calibrate()) is None:
            return None
        probabilities = []
        for order in (pair, pair[::-1]):
            pairs, vector = self._model.read_query(order)
            hits = nearest(self._store, vector, NEIGHBOURS, "relation IS NOT NULL", Exclusion(pairs))
            probabilities.append(calibration.of_pair(vector, [hit.score for hit in hits]))
        return max(probabilities)

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
        return self._judged(self._strongest(prototype, k, condition, Exclusion(pairs)))

    def _strongest(
        self, vector: NDArray[np.float32], k: int, condition: str | None, left_out: Exclusion, exact: bool = False
    ) -> list[SearchHit]:
        """See `RelationMeans.strongest`; the relations' means are read again after a change of the index."""
        if self._means is None or self._means.version != self._store.version:
            self._means = RelationMeans.of(self._store)
        return self._means.strongest(self._store, vector, k, condition, left_out, exact)

    def _judged(self, hits: list[SearchHit]) -> list[SearchHit]:
        """Hits with their probabilities, if the index is calibrated."""
        if (calibration := self.calibration) is None:
            return hits
        return [replace(hit, probability=calibration.of_hit(hit.strength)) for hit in hits]


def _schema(
    columns: Mapping[str, Any], identity: ModelIdentity, metadata: Mapping[bytes, bytes] | None = None
) -> pa.Schema:
    made_by = {MODEL_METADATA: identity.as_json().encode()}
    return schema_of(columns, identity.dimension).with_metadata({**made_by, **(metadata or {})})
