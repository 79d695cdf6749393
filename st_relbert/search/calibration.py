"""Turn the scores of an index into probabilities, using its own pairs and pairs that have no relation."""

from __future__ import annotations

import json
import logging
import random
import string
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import expit  # type: ignore[import-untyped]

from st_relbert.files.columns import column_vectors
from st_relbert.files.outputs import atomic_output
from st_relbert.pairs import Pair
from st_relbert.search.folder import CALIBRATION
from st_relbert.search.hits import RELATION_WEIGHT
from st_relbert.search.models import IndexModel
from st_relbert.search.store import PairStore
from st_relbert.vectors import unit

_LOG = logging.getLogger(__name__)

NEIGHBOURS = 20
"""How many of the nearest labelled pairs decide whether a pair is related at all."""
SAMPLE = 50_000
"""The largest number of labelled pairs of an index that the calibration uses."""
_FEWEST = 100  # labelled pairs needed for a calibration
_ASKED = 1_500  # pairs of the index used as queries
_RECOMBINED, _NONSENSE = 1_000, 200  # unrelated pairs of its words, and pairs of random letters
_AT_A_TIME = 512
# Tuned on held-out pairs (benchmarks/calibration.py): each number of the vector says less than the two cosines do.
_COSINE_WEIGHT, _PENALTY = 5.0, 0.04

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Calibration:
    """Probabilities for the answers of one index.

    There are two logistic curves. One gives the probability that a hit has the same relation as the query, from the
    hit's strength (see `SearchHit.strength`). The other gives the probability that a pair has any relation like those
    of the index, from its vector and the cosines of its neighbours, which predict this better than their strengths.

    Args:
        hit: Intercept and slope of the first curve.
        pair: Intercept of the second curve, then a slope for each number of the vector, for the first cosine, and for
            the mean of the first 20 cosines.
        rows: The number of labelled rows in the index when it was calibrated.
    """

    hit: tuple[float, ...]
    pair: tuple[float, ...]
    rows: int

    def of_hit(self, strength: float) -> float:
        """Return the probability that a hit has the same relation as the query."""
        return float(expit(self.hit[0] + self.hit[1] * strength))

    def of_pair(self, vector: Floats, cosines: Sequence[float]) -> float:
        """Return the probability that a pair has a relation.

        Args:
            vector: The pair's vector `(d,)`, of length 1.
            cosines: The cosines of the nearest labelled pairs, best first, at least one.
        """
        nearest = cosines[:NEIGHBOURS]
        evidence = [*vector, nearest[0], sum(nearest) / len(nearest)]
        return float(expit(self.pair[0] + np.dot(self.pair[1:], evidence)))

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Read a calibration from JSON.

        Raises:
            ValueError: If the JSON is not a calibration.
        """
        content = json.loads(text)
        if not isinstance(content, dict) or set(content) != {"hit", "pair", "rows"}:
            raise ValueError(f"The calibration is {text[:60]!r}, expected an object with hit, pair and rows.")
        return cls(tuple(content["hit"]), tuple(content["pair"]), int(content["rows"]))


def calibrate(
    pairs: Sequence[Pair],
    relations: Sequence[str],
    vectors: Floats,
    encode: Callable[[Sequence[Pair]], Floats],
    rows: int,
) -> Calibration | None:
    """Calibrate an index on its own labelled pairs and on unrelated pairs.

    There are two kinds of unrelated pairs: the head of one pair with the tail of another relation's pair, and random
    letters. Each pair is used as a query the way a user would ask it: it is not among its own hits.

    The labelled pairs are in random order, with vectors `(n, d)` of length 1; `encode` returns the vectors of other
    pairs. Returns None if there is nothing to learn from: there are fewer than 100 labelled pairs, their words make no
    unrelated pair, or no pair has the relation of one of its neighbours.

    Source: logistic calibration, Platt (1999).
    """
    if len(pairs) < _FEWEST or len(set(relations)) < 2:
        return None
    rng = random.Random(0)
    asked = vectors[:_ASKED]
    recombined, nonsense = _recombined(pairs[: 2 * _RECOMBINED], relations, set(pairs), rng), _nonsense(rng)
    labelled = _Labelled(vectors, relations)
    own = labelled.neighbours(asked, own=True)
    if not recombined or not own.same.any():
        return None
    unrelated = encode([*recombined, *nonsense])
    others = labelled.neighbours(unrelated)
    hits = np.concatenate([own.strengths.ravel(), others.strengths.ravel()])[:, None]
    of_hit = _fit(hits, np.concatenate([own.same.ravel(), others.same.ravel()]), np.ones(len(hits)))
    weights = np.repeat(
        [0.5 / len(asked), 0.35 / len(recombined), 0.15 / len(nonsense)], [len(asked), len(recombined), len(nonsense)]
    )
    cosines = np.concatenate([own.cosines, others.cosines])
    evidence = np.hstack([np.concatenate([asked, unrelated]), cosines[:, :1], cosines.mean(axis=1, keepdims=True)])
    of_pair = _fit(evidence, np.arange(len(evidence)) < len(asked), weights * len(weights))
    return Calibration(of_hit, of_pair, rows)


def read_calibration(store: PairStore) -> Calibration | None:
    """Read an index's calibration. None: there is none, or its number of labelled rows has changed by over a fifth."""
    try:
        found = Calibration.from_json((store.path / CALIBRATION).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        _LOG.warning("%s is damaged, so the index is treated as not calibrated: %s", store.path / CALIBRATION, error)
        return None
    return found if abs(store.labelled - found.rows) <= found.rows / 5 else None


def make_calibration(store: PairStore, model: IndexModel) -> Calibration | None:
    """Calibrate an index and store the calibration with it; see `calibrate`.

    Raises `ValueError` if the model that made the index is no longer there or has changed.
    """
    counts = store.relation_counts()
    labelled, condition = counts.total(), "relation IS NOT NULL"
    if labelled > SAMPLE:  # keys are hashes, so the keys below a limit are a random sample
        condition += f" AND row_key < '{int(SAMPLE / labelled * 16**8):08x}'"
    made = None
    if labelled >= _FEWEST and 1 < len(counts) < labelled:  # checked before any vector is read
        batches = list(store.batches(["row_key", "head", "tail", "relation", "vector"], condition))
        found = pa.Table.from_batches(batches).sort_by("row_key")
        pairs = list(zip(found["head"].to_pylist(), found["tail"].to_pylist(), strict=True))
        vectors = column_vectors(found["vector"].combine_chunks())
        made = calibrate(pairs, found["relation"].to_pylist(), vectors, model.encode, labelled)
    try:
        if made is None:
            (store.path / CALIBRATION).unlink(missing_ok=True)
        else:
            with atomic_output(store.path / CALIBRATION) as temporary:
                temporary.write_text(json.dumps(asdict(made)), encoding="utf-8")
    except (ValueError, OSError) as error:  # another process is writing one, or the folder is read-only
        _LOG.warning("Cannot store the calibration of %s, so it will be computed again: %s", store.path, error)
    return made


def _recombined(pairs: Sequence[Pair], relations: Sequence[str], known: set[Pair], rng: random.Random) -> list[Pair]:
    """Return pairs of a head and another relation's tail."""
    order = list(range(len(pairs)))
    rng.shuffle(order)
    made = [
        (pairs[one][0], pairs[other][1])
        for one, other in zip(order, order[1:] + order[:1], strict=True)
        if relations[one] != relations[other]
    ]
    return [pair for pair in made if pair not in known and pair[::-1] not in known][:_RECOMBINED]


def _nonsense(rng: random.Random) -> list[Pair]:
    """Return pairs of random letters."""

    def word() -> str:
        return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 7)))

    return [(word(), word()) for _ in range(_NONSENSE)]


class _Neighbours(NamedTuple):
    """The neighbours of each query, best first: nearest cosines, highest strengths, and whether the relations match.

    All arrays are `(n, 20)`.
    """

    cosines: Floats
    strengths: Floats
    same: NDArray[np.bool_]


class _Labelled:
    """Labelled pairs, compared with many queries at once in the way a search ranks its nearest pairs."""

    def __init__(self, vectors: Floats, relations: Sequence[str]) -> None:
        self._vectors = vectors
        _, self._places = np.unique(relations, return_inverse=True)
        self._sums = np.zeros((self._places.max() + 1, vectors.shape[1]), np.float32)
        np.add.at(self._sums, self._places, vectors)
        self._means = unit(self._sums)

    def neighbours(self, queries: Floats, own: bool = False) -> _Neighbours:
        """Compare queries `(n, d)` with the labelled pairs.

        With `own`, the queries are the vectors of the first labelled pairs. Each is then left out of its own neighbours
        and of its relation's mean.
        """
        places = self._places[: len(queries)]
        some = [slice(start, start + _AT_A_TIME) for start in range(0, len(queries), _AT_A_TIME)]
        parts = [self._some(queries[rows], places[rows] if own else None) for rows in some]
        return _Neighbours(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def _some(self, queries: Floats, own: NDArray[np.integer[Any]] | None) -> _Neighbours:
        cosines, of_means = queries @ self._vectors.T, queries @ self._means.T
        if own is not None:
            of_means[np.arange(len(own)), own] = (unit(self._sums[own] - queries) * queries).sum(axis=1)
        strengths = (cosines + RELATION_WEIGHT * of_means[:, self._places]) / (1 + RELATION_WEIGHT)
        if own is not None:
            itself = cosines > 1 - 1e-5  # whatever its label
            cosines[itself], strengths[itself] = -1, -1
        found = np.argpartition(-strengths, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        strongest = np.take_along_axis(strengths, found, axis=1)
        same = np.zeros(found.shape, bool)
        if own is not None:
            same = (self._places[found] == own[:, None]) & (strongest > -1)
        nearest = -np.sort(np.partition(-cosines, NEIGHBOURS, axis=1)[:, :NEIGHBOURS], axis=1)
        return _Neighbours(nearest, strongest, same)


def _fit(evidence: Floats, right: NDArray[np.bool_], weights: Floats) -> tuple[float, ...]:
    """Fit a logistic regression and return its intercept and its slopes for the unscaled evidence."""
    from sklearn.linear_model import LogisticRegression  # loaded only when calibrating

    mean, spread = evidence.mean(axis=0), evidence.std(axis=0) + 1e-9
    spread[-2:] /= _COSINE_WEIGHT
    curve = LogisticRegression(C=_PENALTY, max_iter=1_000).fit((evidence - mean) / spread, right, weights)
    slopes = curve.coef_[0] / spread
    return float(curve.intercept_[0] - slopes @ mean), *map(float, slopes)
