"""Find the rows nearest to a vector, and rank them with the help of the relations' mean vectors."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from st_relbert.files.columns import column_vectors
from st_relbert.files.outputs import read_arrays, write_arrays
from st_relbert.pairs import Pair, check_known, check_positive, folded_word
from st_relbert.search.folder import MEANS
from st_relbert.search.rows import RESERVED
from st_relbert.search.store import PairStore
from st_relbert.vectors import Vectors, unit

_LOG = logging.getLogger(__name__)

Exclude = Literal["pair", "words", "nothing"]

# Most queries are written in the same direction as the index's pairs, so a reversed hit has to be nearer by this much
# (chosen on held-out pairs of the shipped relations).
REVERSED_PENALTY = 0.02
# A relation's mean says more than a single pair of it (chosen on held-out pairs of the shipped relations, and confirmed
# on those of SemEval, T-REx and ConceptNet; benchmarks/ranking.py).
RELATION_WEIGHT = 3


@dataclass(frozen=True)
class SearchHit:
    """One result of a search.

    Args:
        head: The head word.
        tail: The tail word.
        relation: The relation that the pair is labelled with, if any.
        score: The cosine to the query, from -1 to 1.
        columns: The values of the index's further columns.
        reversed: Whether the index has the pair the other way round. `relation` describes the pair as the index has it.
        probability: The probability that the pair has the same relation as the query. None: the index is not
            calibrated.
        relation_score: The cosine of the query to the mean of the relation's pairs. None: the relation has no mean.
    """

    head: str
    tail: str
    relation: str | None
    score: float
    columns: dict[str, Any] = field(default_factory=dict)
    reversed: bool = False
    probability: float | None = None
    relation_score: float | None = None

    @property
    def strength(self) -> float:
        """The value by which hits are ranked: the mean of both scores, with weight 3 for the relation's."""
        if self.relation_score is None:
            return self.score
        return (self.score + RELATION_WEIGHT * self.relation_score) / (1 + RELATION_WEIGHT)

    @property
    def pair(self) -> Pair:
        """Head and tail."""
        return self.head, self.tail

    def turned(self) -> SearchHit:
        """Return the same row, read the other way round."""
        return replace(self, head=self.tail, tail=self.head, reversed=not self.reversed)


class Exclusion:
    """What a search leaves out: the `"pair"` of its query, all pairs that share `"words"` with it, or `"nothing"`.

    Words are compared after folding (see `folded_word`), pairs as they are.
    """

    def __init__(self, pairs: Collection[Pair], exclude: Exclude = "pair") -> None:
        self.pairs = set(pairs) if exclude == "pair" else set()
        self.words = {folded_word(word) for pair in pairs for word in pair} if exclude == "words" else set()
        self.expected = len(pairs)
        """About how many of the nearest rows are left out."""

    def __contains__(self, hit: SearchHit) -> bool:
        """Whether a hit is left out."""
        return hit.pair in self.pairs or (bool(self.words) and not self.words.isdisjoint(map(folded_word, hit.pair)))


def check_wanted(k: Any, exclude: Any = "pair") -> None:
    """Raise `ValueError` if `k` is not a positive integer, or `exclude` is not an option of `Exclusion`."""
    check_positive(k=k)
    check_known("exclude", exclude, get_args(Exclude))


def nearest(
    store: PairStore,
    vector: NDArray[np.float32],
    k: int,
    condition: str | None,
    left_out: Exclusion,
    exact: bool = False,
) -> list[SearchHit]:
    """Return the `k` rows nearest to a vector `(d,)`, best first, or fewer if there are no more.

    Only rows that meet the condition (checked SQL, or None) and are not left out count. With `exact`, all rows are
    compared even if there is an approximate index. Raises `ValueError` if the vector is zero or not finite.
    """
    if not np.isfinite(vector).all() or not vector.any():
        raise ValueError("The query's vector is zero or not finite, so it has no cosine to any other vector.")
    # Excluded rows are dropped afterwards: a condition on words would be checked for every row.
    wanted, rows = k, len(store)
    while True:
        wanted = min(wanted + left_out.expected + 4, max(rows, 1))
        hits = [_hit(*found) for found in zip(*store.search(vector, wanted, condition, exact), strict=True)]
        kept = [hit for hit in hits if hit not in left_out]
        if len(kept) >= k or len(hits) < wanted or wanted >= rows:
            return kept[:k]
        wanted *= 4


def best_of(hits: Iterable[SearchHit], k: int, reversed_penalty: float = REVERSED_PENALTY) -> list[SearchHit]:
    """Return the best hits of both directions; reversed hits rank slightly below their strength.

    A pair found in both directions counts once per relation.
    """
    unique: dict[tuple[frozenset[str], str | None], SearchHit] = {}
    for hit in sorted(hits, key=lambda hit: reversed_penalty * hit.reversed - hit.strength):
        unique.setdefault((frozenset(hit.pair), hit.relation), hit)
    return list(unique.values())[:k]


def _hit(row: dict[str, Any], score: np.float32) -> SearchHit:
    columns = {name: value for name, value in row.items() if name not in RESERVED}
    return SearchHit(row["head"], row["tail"], row["relation"], float(score), columns)


# The best hits are chosen among this many nearest pairs. 99.9 % of them are the same as if chosen among all pairs.
_CANDIDATES, _CANDIDATES_PER_HIT = 100, 20


class RelationMeans:
    """The mean unit vectors `(relations, d)` of relations by name, for one version of the store."""

    def __init__(self, names: Sequence[str], vectors: Vectors, version: str) -> None:
        self.vectors = vectors
        self.version = version
        self._rows: dict[str | None, int] = {name: row for row, name in enumerate(names)}

    @classmethod
    def of(cls, store: PairStore) -> RelationMeans:
        """Return the means of a store as it is now, computing and storing them if needed.

        Computing them reads all vectors, once after each change of the index.
        """
        version, path = store.version, store.path / MEANS
        try:
            arrays, content = read_arrays(path) or ({}, {})
            if content.get("version") == version:
                return cls(json.loads(content["names"]), arrays["means"], version)
        except (ValueError, KeyError) as error:
            _LOG.warning("Cannot read the means of the relations, so they are computed again: %s", error)
        made = cls._compute(store, version)
        try:
            write_arrays(path, {"means": made.vectors}, {"names": json.dumps(list(made._rows)), "version": version})
        except (ValueError, OSError) as error:  # another process is writing them, or the folder is read-only
            _LOG.warning("Cannot store the means of the relations, so they will be computed again: %s", error)
        return made

    @classmethod
    def _compute(cls, store: PairStore, version: str, most: int = 20_000) -> RelationMeans:
        # The most frequent relations: a graph may have a label per pair, whose means would add nothing.
        names = [name for name, count in store.relation_counts().most_common(most) if count > 1]
        rows = {name: row for row, name in enumerate(names)}
        sums = np.zeros((len(names), store.identity.dimension))
        for batch in store.batches(["relation", "vector"], "relation IS NOT NULL") if names else ():
            places = np.array([rows.get(name, -1) for name in batch["relation"].to_pylist()])
            vectors = column_vectors(batch["vector"])
            for place in np.unique(places[places >= 0]):
                sums[place] += vectors[places == place].sum(axis=0)
        return cls(names, unit(sums).astype(np.float32), version)

    def __len__(self) -> int:
        """The number of relations."""
        return len(self._rows)

    def strongest(
        self, store: PairStore, vector: Vectors, k: int, condition: str | None, left_out: Exclusion, exact: bool = False
    ) -> list[SearchHit]:
        """Return the pairs most similar to a vector by `SearchHit.strength`, best first; see `nearest`.

        There are at least 2 k, if the store has as many: `best_of` counts a pair once that is there in both directions.
        """
        wanted = _CANDIDATES + _CANDIDATES_PER_HIT * k if len(self) else 2 * k
        hits = nearest(store, vector, wanted, condition, left_out, exact)  # refuses a vector of zeros
        cosines = self.vectors @ (vector / np.linalg.norm(vector))
        rows = ((hit, self._rows.get(hit.relation)) for hit in hits)
        found = [replace(hit, relation_score=None if row is None else float(cosines[row])) for hit, row in rows]
        return sorted(found, key=lambda hit: -hit.strength)
