"""The mean vector of each relation of an index: what stands in a relation that is like the query's comes first."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from st_relbert.files.outputs import atomic_output
from st_relbert.search.folder import MEANS
from st_relbert.search.hits import Exclusion, SearchHit, nearest
from st_relbert.search.store import PairStore

_LOG = logging.getLogger(__name__)

_MOST = 20_000  # relations, the largest: a graph may have a label a pair, whose means would say nothing new
# Of that many nearest pairs the best are chosen: those that all pairs would give, but for one in a thousand.
_MORE, _A_HIT = 100, 20

Vectors = NDArray[np.float32]


class RelationMeans:
    """The mean vectors of relations, at length 1.

    Args:
        names: The relations.
        vectors: `(relations, d)`.
        version: The store's when they were computed.
    """

    def __init__(self, names: Sequence[str], vectors: Vectors, version: str) -> None:
        self.vectors = vectors
        self.version = version
        self._names = list(names)
        self._rows = {name: row for row, name in enumerate(names)}

    @classmethod
    def of(cls, store: PairStore) -> RelationMeans:
        """The means of a store as it is now: those that are kept with it, or else computed and kept.

        Each pair counts, so it reads all vectors once after each change of the index.
        """
        version = store.version
        kept = cls._load(store.path / MEANS)
        if kept is not None and kept.version == version:
            return kept
        made = cls._compute(store, version)
        try:
            made._save(store.path / MEANS)
        except PermissionError as error:
            _LOG.warning(
                "The means of relations cannot be kept in %s, so they will be made again: %s", store.path, error
            )
        return made

    @classmethod
    def _compute(cls, store: PairStore, version: str) -> RelationMeans:
        labelled = "relation IS NOT NULL"
        counts = Counter(
            name for batch in store.batches(["relation"], labelled) for name in batch["relation"].to_pylist()
        )
        names = [name for name, count in counts.most_common(_MOST) if count > 1]
        rows = {name: row for row, name in enumerate(names)}
        sums = np.zeros((len(names), store.identity.dimension))
        for batch in store.batches(["relation", "vector"], labelled) if names else ():
            places = np.array([rows.get(name, -1) for name in batch["relation"].to_pylist()])
            vectors = batch["vector"].flatten().to_numpy().reshape(len(places), -1)
            for place in np.unique(places[places >= 0]):
                sums[place] += vectors[places == place].sum(axis=0)
        return cls(names, unit(sums).astype(np.float32), version)

    @classmethod
    def _load(cls, path: Path) -> RelationMeans | None:
        try:
            with safe_open(path, "numpy") as file:
                content = file.metadata()
                return cls(json.loads(content["names"]), file.get_tensor("means"), content["version"])
        except FileNotFoundError:
            return None
        except Exception as error:  # safetensors has errors of its own
            _LOG.warning("%s is damaged, so it is made again: %s", path, error)
            return None

    def _save(self, path: Path) -> None:
        with atomic_output(path) as temporary:
            save_file({"means": self.vectors}, temporary, {"names": json.dumps(self._names), "version": self.version})

    def __len__(self) -> int:
        """The number of relations."""
        return len(self._names)

    def placed(self, hits: Sequence[SearchHit], vector: Vectors) -> list[SearchHit]:
        """Hits, each with the cosine of its relation's mean to a vector `(d,)`, the strongest first."""
        cosines = self.vectors @ (vector / np.linalg.norm(vector))
        found = [
            replace(hit, relation_score=float(cosines[row]) if row is not None else None)
            for hit, row in ((hit, self._rows.get(hit.relation or "")) for hit in hits)
        ]
        return sorted(found, key=lambda hit: -hit.strength)


def strongest(
    store: PairStore,
    means: RelationMeans,
    vector: Vectors,
    k: int,
    condition: str | None,
    left_out: Exclusion,
    exact: bool = False,
) -> list[SearchHit]:
    """The pairs that are related most like a vector, by `SearchHit.strength`, best first; see `nearest`."""
    wanted = _MORE + _A_HIT * k if len(means) else k
    return means.placed(nearest(store, vector, wanted, condition, left_out, exact), vector)[:k]


def unit(vectors: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Vectors at length 1; zeros stay zeros."""
    scaled: NDArray[np.floating[Any]] = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return scaled
