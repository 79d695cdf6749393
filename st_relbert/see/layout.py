"""The layout of relation vectors: points in the plane, clusters, and which relations are confused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from st_relbert.pairs import check_known
from st_relbert.vectors import Vectors

Points = NDArray[np.float64]


def check_unit(vectors: Vectors) -> None:
    """Raise `ValueError` for vectors `(n, d)` whose products are not cosines.

    That is if there are none, or one does not have length 1 (or contains NaN).
    """
    if vectors.ndim != 2 or not vectors.size:
        raise ValueError(f"The vectors have the shape {vectors.shape}, expected (pairs, dimensions), both at least 1.")
    lengths = np.linalg.norm(vectors, axis=1)
    wrong = np.flatnonzero(~(np.abs(lengths - 1) < 1e-3))
    if len(wrong):
        raise ValueError(
            f"{len(wrong)} of {len(vectors)} vectors do not have length 1. The first is in row {wrong[0]} and has "
            f"length {lengths[wrong[0]]:.3g}. Divide each vector by its length. A length of nan comes from a model "
            "whose training diverged."
        )


LONGEST = 28


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Shorten relation names: drop the parent if the rest is unique, and cut long names.

    The names must all be different.

    >>> list(short_names(["spatial/river_country", "geographic/capital", "temporal/capital"]).values())
    ['river_country', 'geographic/capital', 'temporal/capital']
    """
    children = {name: name.partition("/")[2] or name for name in names}
    frequent = Counter(children.values())
    return {name: short_word(child if frequent[child] == 1 else name) for name, child in children.items()}


def short_word(name: str) -> str:
    """Return a word or name, cut if it is long."""
    name = " ".join(name.split())
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


PERPLEXITY = 30.0
NEIGHBOURS = 15
_FEWEST = 4  # with fewer pairs, neighbours mean nothing, so the principal components are drawn


def check_method(method: str) -> None:
    """Raise `ValueError` for a method that is unknown or not installed; call it before any work."""
    check_known("method", method, ("tsne", "umap"))
    if method == "umap":
        _umap()


def project(unit: Vectors, method: str = "tsne", seed: int = 0) -> Points:
    """Project vectors into the plane, so that neighbours by cosine are neighbours there.

    In the result, distances between far groups, their sizes, and the axes mean nothing.

    Args:
        unit: `(n, d)`, of length 1. The squared Euclidean distance between such vectors is 2 - 2 cos.
        method: `"tsne"`, or `"umap"` with the package `umap-learn`.
        seed: The random seed.

    Returns:
        `(n, 2)`, centred. Both methods start from the principal components (Kobak & Linderman, 2021), which are also
        the result for fewer than four pairs.

    Raises:
        ValueError: If a vector does not have length 1, or the method is unknown or not installed.

    Source: van der Maaten & Hinton (2008), "Visualizing Data using t-SNE"; McInnes et al. (2018), "UMAP".
    """
    check_method(method)
    check_unit(unit)
    start = _principal_components(unit)
    if len(unit) < _FEWEST:
        return start
    points = _tsne(unit, start, seed) if method == "tsne" else _run_umap(unit, start, seed)
    points = np.asarray(points, dtype=np.float64)
    centred: Points = points - points.mean(axis=0)
    return centred


def _tsne(unit: Vectors, start: Points, seed: int) -> Any:
    from sklearn.manifold import TSNE

    initial = _jittered(start, seed) * 1e-4
    perplexity = min(PERPLEXITY, (len(unit) - 1) / 3)  # more would need more points
    model = TSNE(perplexity=perplexity, init=initial.astype(np.float32), random_state=seed)
    return model.fit_transform(unit)


def _run_umap(unit: Vectors, start: Points, seed: int) -> Any:
    neighbours = min(NEIGHBOURS, len(unit) - 1)
    initial = (_jittered(start, seed) * 10).astype(np.float32)
    # With a seed, UMAP runs only one job, and warns if more are requested.
    model = _umap().UMAP(n_neighbors=neighbours, metric="cosine", init=initial, random_state=seed, n_jobs=1)
    return model.fit_transform(unit)


def _umap() -> Any:
    try:
        import umap
    except ModuleNotFoundError as error:
        if error.name != "umap":
            raise
        raise ValueError(
            "The method 'umap' needs a package that is not installed. Run: pip install umap-learn, or use the method "
            "'tsne'."
        ) from error
    return umap


def _principal_components(unit: Vectors) -> Points:
    """Return the first two principal components, `(n, 2)`, with zeros for missing ones."""
    centred = unit.astype(np.float64) - unit.mean(axis=0, dtype=np.float64)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    # The sign of an axis is arbitrary. Making its largest entry positive gives the same result on every machine.
    axes = axes[:2] * np.sign(np.take_along_axis(axes[:2], np.abs(axes[:2]).argmax(axis=1)[:, None], axis=1))
    points: Points = np.zeros((len(unit), 2))
    points[:, : len(axes)] = centred @ axes.T
    return points


def _jittered(start: Points, seed: int) -> Points:
    """Scale the first axis to a spread of 1, and move coinciding points slightly apart, as they could not part else."""
    spread = start[:, 0].std()
    # The components of equal vectors are rounding noise.
    scaled = start / spread if spread > 1e-6 else np.zeros_like(start)
    jittered: Points = scaled + np.random.default_rng(seed).normal(0, 1e-2, start.shape)
    return jittered


def find_neighbours(unit: Vectors, count: int = 3) -> list[list[int]]:
    """Return, for each of the vectors `(n, d)` of length 1, the rows of the `count` nearest others, nearest first.

    If there are fewer others, all of them are returned.
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(count, len(unit) - 1)
    if not count:
        return [[] for _ in unit]
    # Without a query, a row is not its own neighbour.
    nearest: list[list[int]] = NearestNeighbors(n_neighbors=count).fit(unit).kneighbors()[1].tolist()
    return nearest


SMALLEST = 5
_DIMENSIONS = 50


@dataclass(frozen=True)
class Cluster:
    """Pairs whose vectors are close together.

    Args:
        rows: The rows of its members, nearest to the centre first.
        relation: The most frequent relation; among equally frequent ones, the one nearest to the centre.
        purity: The share of members with that relation.
    """

    rows: list[int]
    relation: str
    purity: float


def find_clusters(unit: Vectors, relations: Sequence[str], seed: int = 0) -> list[Cluster]:
    """Cluster vectors by density, in their own space rather than in the plane.

    Density means little in hundreds of dimensions, so HDBSCAN runs on the first 50 principal components. It selects the
    leaves of its tree, which are many small and dense clusters. The default selection, "excess of mass", would put most
    pairs of an encoder without relation training into a single cluster.

    Args:
        unit: `(n, d)`, of length 1.
        relations: The relation of each vector.
        seed: The random seed for the approximate principal components of large sets.

    Returns:
        The clusters of at least `SMALLEST` pairs, largest first. A pair may belong to no cluster.

    Raises:
        ValueError: If a vector does not have length 1.

    Source: Campello, Moulavi & Sander (2013), "Density-Based Clustering Based on Hierarchical Density Estimates".
    """
    check_unit(unit)
    if len(unit) < SMALLEST:
        return []
    from sklearn.cluster import HDBSCAN
    from sklearn.decomposition import PCA

    reduced: Any = unit
    if min(unit.shape) > _DIMENSIONS:
        reduced = PCA(_DIMENSIONS, random_state=seed).fit_transform(unit)
    model = HDBSCAN(min_cluster_size=SMALLEST, min_samples=2, cluster_selection_method="leaf", copy=True)
    labels = model.fit_predict(reduced)
    clusters = [_cluster(np.flatnonzero(labels == label), unit, relations) for label in range(labels.max() + 1)]
    return sorted(clusters, key=lambda cluster: (-len(cluster.rows), cluster.rows[0]))


def _cluster(members: Any, unit: Vectors, relations: Sequence[str]) -> Cluster:
    vectors = unit[members].astype(np.float64)
    # By the cosine to the mean. The stable sort keeps equal vectors in their order.
    order = np.argsort(-(vectors @ vectors.mean(axis=0)).round(9), kind="stable")
    rows = [int(row) for row in members[order]]
    relation, count = Counter(relations[row] for row in rows).most_common(1)[0]
    return Cluster(rows, relation, count / len(rows))


TIE = 1e-6


@dataclass(frozen=True)
class Confusion:
    """To which prototypes the pairs of each relation are nearest.

    Args:
        names: The k relations.
        shares: `(k, k)`: among the pairs of the row's relation, the share that is nearest to the prototype of the
            column's relation. A row sums to 1, or is NaN for a relation of a single pair.
        accuracy: The share of pairs that are nearest to the prototype of their own relation, without relations of a
            single pair; NaN if there are no others.
    """

    names: list[str]
    shares: Points
    accuracy: float

    def most_confused(self, count: int) -> list[tuple[str, str, float]]:
        """Return the largest shares off the diagonal, as true relation, nearest prototype and share."""
        off = np.nan_to_num(self.shares) * (1 - np.eye(len(self.names)))
        order = np.argsort(-off, axis=None, kind="stable")[:count]
        places = [divmod(int(place), len(self.names)) for place in order]
        return [
            (self.names[row], self.names[column], float(off[row, column])) for row, column in places if off[row, column]
        ]


def confusion(unit: Vectors, relations: Sequence[str]) -> Confusion:
    """Find the nearest prototype of each pair, leaving the pair itself out of its own relation's prototype.

    A prototype is the mean of the unit vectors of a relation's pairs; the nearest has the highest cosine. Prototypes
    that are equally near (within 1e-6) share the pair. The cosine to a prototype that is zero counts as 0.

    Args:
        unit: `(n, d)`, of length 1.
        relations: The relation of each vector.

    Raises:
        ValueError: If a vector does not have length 1.
    """
    check_unit(unit)
    names = list(dict.fromkeys(relations))
    index = {name: number for number, name in enumerate(names)}
    labels = np.array([index[relation] for relation in relations])
    credit = _nearest(_cosines(unit.astype(np.float64), labels, len(names)))
    sizes = np.bincount(labels, minlength=len(names))
    sums = np.zeros((len(names), len(names)))
    np.add.at(sums, labels, credit)
    shares = np.where(sizes[:, None] > 1, sums / sizes[:, None], np.nan)
    scored = sizes > 1
    own = sums.diagonal()[scored].sum()
    accuracy = float(own / sizes[scored].sum()) if scored.any() else float("nan")
    return Confusion(names, shares, accuracy)


def _cosines(unit: Points, labels: NDArray[np.intp], count: int) -> Points:
    """Return the cosine of each pair to each prototype, `(n, k)`."""
    sums = np.zeros((count, unit.shape[1]))
    np.add.at(sums, labels, unit)
    cosines: Points = unit @ _directions(sums).T
    own = _directions(sums[labels] - unit)  # leave one out
    cosines[np.arange(len(unit)), labels] = (unit * own).sum(axis=1)
    return cosines


def _directions(sums: Points) -> Points:
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    directions: Points = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 1e-9)
    return directions


def _nearest(cosines: Points) -> Points:
    """Return 1 for the nearest prototype of each pair and 0 for the others, `(n, k)`; ties share the 1."""
    nearest = cosines >= cosines.max(axis=1, keepdims=True) - TIE
    shares: Points = nearest / nearest.sum(axis=1, keepdims=True)
    return shares
