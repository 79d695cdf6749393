"""An index of word pairs on disk, to search by relation."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from tqdm.auto import tqdm

from st_relbert.identity import MODEL_METADATA, ModelIdentity
from st_relbert.pairs import Pair, as_pair
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
    """An index of word pairs on disk, to search by relation.

    A row is a pair, its relation label (if any), the values of further columns, and the pair's vector, scaled to length
    1. Below 20,000 rows, a search compares the query with all rows; from there, `add` builds an approximate index, and
    `state` shows this. The folder is a LanceDB database, which other programs can read. `create` makes an empty index,
    `build` makes one from existing rows, and `open` opens either.

    Args:
        store: The rows.
        model: The model that encodes queries and new pairs, or where to load it from when it is needed. None: load it
            from where it was when the index was made.

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
        """The model that made the vectors."""
        self._model = IndexModel(store.identity, model, store.path)
        self._means: RelationMeans | None = None
        self._uncalibrated = ""  # the version of the rows that is known to allow no calibration

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
            path: The folder to create.
            model: A SentenceTransformer that takes pairs.
            columns: The type of each column besides head, tail and relation: `str`, `int`, `float`, `bool` or an Arrow
                type.
            overwrite: Replace an existing index.
            saved_as: The folder or hub id from which an index that is opened without a model loads it. None: where the
                model was last saved or loaded from, if it has not changed since; otherwise a warning says that the
                index can only be opened with the model.

        Raises:
            ValueError: If what is at the path may not be replaced, or a column cannot be made.
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
        """Make an index from rows. It appears at its path only when it is complete.

        All rows are checked before the first is encoded. After an interruption, the same call continues; until then,
        the finished part is in `{path}.partial`.

        Args:
            path: See `create`.
            rows: See `add`. They must be readable twice, such as a list, a `Dataset` or the result of
                `open_pair_source`.
            model: See `create`.
            columns: See `create`. None: the columns of the source.
            overwrite: Replace an existing index once the new one is complete.
            saved_as: See `create`.
            batch_size: See `add`.
            chunk_size: See `add`.
            show_progress_bar: See `add`.

        Raises:
            ValueError: If what is at the path may not be replaced, another process is building the same index, a column
                cannot be made or a row is not a pair.
            OSError: If the disk is full.
            MissingExtraError: If LanceDB is not installed.
        """
        source = as_pair_source(rows, columns)
        check_place(Path(path), overwrite)
        digest = source.digest  # checks the rows
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
            model: The model that made the index, or its folder or hub id. None: load it from where it was then. A model
                is loaded only when a pair has to be encoded.

        Raises:
            ValueError: If there is no index, it is damaged, or the model is a different one.
            MissingExtraError: If LanceDB is not installed.
        """
        return cls(PairStore.open(Path(path)), model)

    @property
    def model(self) -> SentenceTransformer:
        """The model that encodes queries and new pairs.

        Raises:
            ValueError: If the model that made the index is no longer there or has changed.
        """
        return self._model.loaded

    @property
    def calibration(self) -> Calibration | None:
        """The calibration that `build` made. None: there is none, or over a fifth of the labelled rows have changed."""
        return read_calibration(self._store)

    def calibrate(self) -> Calibration | None:
        """Calibrate the index again, on its own pairs and unrelated pairs. This takes seconds.

        Returns:
            The calibration, which is stored with the index. None: the index has fewer than 100 labelled pairs, or
            labels that show nothing (all are the same or all differ), and gives no probabilities.

        Raises:
            ValueError: If the model that made the index is no longer there or has changed.
        """
        version = self._store.version
        made = make_calibration(self._store, self._model)
        self._uncalibrated = "" if made else version
        return made

    def add(
        self,
        rows: Iterable[Any],
        *,
        batch_size: int = 64,
        chunk_size: int = 8192,
        show_progress_bar: bool = False,
        total: int | None = None,
    ) -> int:
        """Add pairs. Those that the index already has with the same relation stay as they are.

        Rows are checked first (unless they come from an iterator), then encoded and written chunk by chunk. After an
        interruption, all chunks but the last are in the index, and the same call continues with the rest.

        Args:
            rows: Pairs; or mappings with `head`, `tail` and optionally `relation` and further columns (a
                `datasets.Dataset`, a DataFrame, an Arrow table). All or none include a `vector` `(d,)` of the model.
            batch_size: Pairs encoded at a time.
            chunk_size: Rows held in memory and written at a time.
            show_progress_bar: Show the number of rows done.
            total: The number of rows, for the progress bar.

        Returns:
            The number of new rows.

        Raises:
            ValueError: If a row is not a pair, does not fit into a prompt or has an unknown column, the model gives a
                pair no usable vector, or another index has replaced this one. Chunks already written stay.
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
        # Even without a new row: an interrupted call may have added the last one.
        if self._store.wants_optimizing:
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
        """Find the pairs whose relation is most similar to the query's.

        If rows have labels, a pair ranks higher the more similar the mean of its relation's pairs is to the query
        (`SearchHit.strength`): the nearest few hundred rows are re-ranked this way.

        Args:
            query: A pair; several pairs (a list, a DataFrame), as examples of one relation, whose unit vectors are
                averaged; or a vector `(d,)`, an array or a tensor.
            k: The number of rows to find. There may be fewer.
            where: Only return rows that meet this: SQL, or values by column; see `st_relbert.search.rows.as_sql`.
            exclude: `"pair"`: leave out the query's pairs; `"words"`: also leave out pairs that share a word with them,
                ignoring case, underscores and accents; `"nothing"`: leave out nothing.
            exact: Compare with all rows even if there is an approximate index.
            both_directions: Also find pairs that are the other way round: *France : Paris* for *Tokyo : Japan*. Such a
                hit is turned to the query's direction and marked as `reversed`.

        Returns:
            The hits, best first.

        Raises:
            ValueError: If the query is invalid, the filter cannot be used, `k` is not positive, or the query is a
                vector and `both_directions` is set.
        """
        check_wanted(k, exclude)
        condition = self._condition(where)
        pairs, vector = self._model.read_query(query)
        turned = [pair[::-1] for pair in pairs] if both_directions else []
        left_out = Exclusion([*pairs, *turned], exclude)
        hits = self._strongest(vector, k, condition, left_out, exact)
        if both_directions:
            _, vector = self._model.read_query(turned)
            hits += [hit.turned() for hit in self._strongest(vector, k, condition, left_out, exact)]
            hits = best_of(hits, k)
        return self._with_probabilities(hits[:k])

    def relatedness(self, pair: Pair) -> float | None:
        """Return the probability that two words have any relation like those of the index, in either direction.

        An index that is not calibrated is calibrated first, once after each change.

        Args:
            pair: The pair. Rows of the index with exactly this pair do not count.

        Returns:
            The probability. None: the labelled pairs of the index are too few or too alike; see `calibrate`.

        Raises:
            ValueError: If it is not a pair, or the model that made the index is no longer there.
        """
        pair = as_pair(pair, "the pair")
        calibration = self.calibration or (self.calibrate() if self._uncalibrated != self._store.version else None)
        if calibration is None:
            return None
        orders = [pair, pair[::-1]]
        probabilities = []
        for order, vector in zip(orders, self._model.encode(orders), strict=True):
            hits = nearest(self._store, vector, NEIGHBOURS, "relation IS NOT NULL", Exclusion([order]))
            if hits:
                probabilities.append(calibration.of_pair(vector, [hit.score for hit in hits]))
        return max(probabilities, default=None)

    def search_relation(self, relation: str, k: int = 10, *, where: Where | None = None) -> list[SearchHit]:
        """Find pairs similar to those labelled with a relation, which are left out themselves.

        Args:
            relation: The label. The vectors of its first 1,000 pairs are averaged; nothing is encoded.
            k: See `search`.
            where: See `search`.

        Raises:
            ValueError: If no row has the label.
        """
        check_wanted(k)
        condition = self._condition(where)
        prototype, pairs = self.prototype(relation)
        other = f"(relation IS NULL OR relation != {literal(relation)})"
        condition = f"{condition} AND {other}" if condition else other
        return self._with_probabilities(self._strongest(prototype, k, condition, Exclusion(pairs))[:k])

    def _strongest(
        self, vector: NDArray[np.float32], k: int, condition: str | None, left_out: Exclusion, exact: bool = False
    ) -> list[SearchHit]:
        """See `RelationMeans.strongest`. After a change of the index, the relations' means are read again."""
        if self._means is None or self._means.version != self._store.version:
            self._means = RelationMeans.of(self._store)
        return self._means.strongest(self._store, vector, k, condition, left_out, exact)

    def _with_probabilities(self, hits: list[SearchHit]) -> list[SearchHit]:
        """Return the hits with probabilities, if the index is calibrated."""
        if (calibration := self.calibration) is None:
            return hits
        return [replace(hit, probability=calibration.of_hit(hit.strength)) for hit in hits]


def _schema(
    columns: Mapping[str, Any], identity: ModelIdentity, metadata: Mapping[bytes, bytes] | None = None
) -> pa.Schema:
    made_by = {MODEL_METADATA: identity.as_json().encode()}
    return schema_of(columns, identity.dimension).with_metadata({**made_by, **(metadata or {})})
