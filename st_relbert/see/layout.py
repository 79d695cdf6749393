"""Vectors of relations laid out: points in the plane, clusters, and the relations that are confused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from st_relbert.vectors import Vectors

Points = NDArray[np.float64]


def check_unit(vectors: Vectors) -> None:
    """Refuse vectors `(n, d)` whose products are not cosines.

    Raises `ValueError` if there are none, or one of them is not of length 1; a vector with NaN in it is not.
    """
    if vectors.ndim != 2 or not vectors.size:
        raise ValueError(f"The vectors have the shape {vectors.shape}, expected (pairs, dimensions), both at least 1.")
    lengths = np.linalg.norm(vectors, axis=1)
    wrong = np.flatnonzero(~(np.abs(lengths - 1) < 1e-3))
    if len(wrong):
        raise ValueError(
            f"The vector in row {wrong[0]} and {len(wrong) - 1} more of {len(vectors)} have not the length 1 (the "
            f"first has {lengths[wrong[0]]:.3g}). Divide each by its length; nan comes from a model whose training "
            "diverged."
        )


LONGEST = 28


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Leave out the parents of relations where the rest says which one it is, and the end of long names.

    The names are all different.

    >>> list(short_names(["spatial/river_country", "geographic/capital", "temporal/capital"]).values())
    ['river_country', 'geographic/capital', 'temporal/capital']
    """
    children = {name: name.partition("/")[2] or name for name in names}
    frequent = Counter(children.values())
    return {name: short_word(child if frequent[child] == 1 else name) for name, child in children.items()}


def short_word(name: str) -> str:
    """A word or name without its end, if it is long."""
    name = " ".join(name.split())
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


METHODS = ("tsne", "umap")
PERPLEXITY = 30.0
NEIGHBOURS = 15
_FEWEST = 4  # below, neighbours mean nothing: the principal components are drawn


def check_method(method: str) -> None:
    """Refuse a method that is unknown or not installed, before any work is done for it.

    Raises `ValueError` if it is none of `METHODS`, or `"umap"` and the package is not installed.
    """
    if method not in METHODS:
        raise ValueError(f"Unknown method {method!r}, expected one of {', '.join(METHODS)}.")
    if method == "umap":
        _umap()


def project(unit: Vectors, method: str = "tsne", seed: int = 0) -> Points:
    """Lay vectors out in the plane, so that neighbours by cosine are neighbours there.

    Distances between far groups, their sizes and the axes mean nothing in the result.

    Args:
        unit: `(n, d)`, of length 1. The squared Euclidean distance of such vectors is 2 - 2 cos.
        method: `"tsne"`, or `"umap"` with the package `umap-learn`.
        seed: Decides all that is random.

    Returns:
        `(n, 2)`, centred. Both methods start from the principal components (Kobak & Linderman, 2021), which are also
        the result for fewer than four pairs.

    Raises:
        ValueError: If a vector is not of length 1, or the method is unknown or not installed.

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


def perplexity(count: int) -> float:
    """The perplexity for so many points: the usual 30, or less where there are fewer than three times as many others.

    >>> perplexity(1000), perplexity(10), perplexity(4)
    (30.0, 3.0, 1.0)
    """
    return min(PERPLEXITY, (count - 1) / 3)


def _tsne(unit: Vectors, start: Points, seed: int) -> Any:
    from sklearn.manifold import TSNE

    initial = _jittered(start, seed) * 1e-4
    model = TSNE(perplexity=perplexity(len(unit)), init=initial.astype(np.float32), random_state=seed)
    return model.fit_transform(unit)


def _run_umap(unit: Vectors, start: Points, seed: int) -> Any:
    neighbours = min(NEIGHBOURS, len(unit) - 1)
    initial = (_jittered(start, seed) * 10).astype(np.float32)
    # One job: with a seed it can be no more, and it says so in a warning.
    model = _umap().UMAP(n_neighbors=neighbours, metric="cosine", init=initial, random_state=seed, n_jobs=1)
    return model.fit_transform(unit)


def _umap() -> Any:
    try:
        import umap
    except ModuleNotFoundError as error:
        if error.name != "umap":
            raise
        raise ValueError(
            "The method 'umap' needs a package that is not installed: pip install umap-learn. Or use the method 'tsne'."
        ) from error
    return umap


def _principal_components(unit: Vectors) -> Points:
    """The first two, `(n, 2)`; zero for what is missing."""
    centred = unit.astype(np.float64) - unit.mean(axis=0, dtype=np.float64)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    # The sign of an axis is arbitrary: its largest entry is made positive, so that it does not depend on the machine.
    axes = axes[:2] * np.sign(np.take_along_axis(axes[:2], np.abs(axes[:2]).argmax(axis=1)[:, None], axis=1))
    points: Points = np.zeros((len(unit), 2))
    points[:, : len(axes)] = centred @ axes.T
    return points


def _jittered(start: Points, seed: int) -> Points:
    """Spread 1 along the first axis, and points that coincide a little apart: from one place they could not part."""
    spread = start[:, 0].std()
    # Vectors that are equal have components that are rounding noise.
    scaled = start / spread if spread > 1e-6 else np.zeros_like(start)
    jittered: Points = scaled + np.random.default_rng(seed).normal(0, 1e-2, start.shape)
    return jittered


def find_neighbours(unit: Vectors, count: int = 3) -> list[list[int]]:
    """The rows whose vectors `(n, d)`, of length 1, are nearest to each row's, nearest first.

    There are `count` of them, or as many others as there are.
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(count, len(unit) - 1)
    if not count:
        return [[] for _ in unit]
    # Without a query the rows themselves do not count.
    nearest: list[list[int]] = NearestNeighbors(n_neighbors=count).fit(unit).kneighbors()[1].tolist()
    return nearest


SMALLEST = 5
EXAMPLES = 5
_DIMENSIONS = 50


@dataclass(frozen=True)
class Cluster:
    """Pairs that lie close together.

    Args:
        rows: Its members, nearest to the centre first.
        relation: The relation of most of them; of equally frequent ones the one nearest to the centre.
        purity: The share of members of that relation.
    """

    rows: list[int]
    relation: str
    purity: float


def find_clusters(unit: Vectors, relations: Sequence[str], seed: int = 0) -> list[Cluster]:
    """Cluster vectors by density, in their own space and not in the plane.

    Density means little in hundreds of dimensions: HDBSCAN runs on the first 50 principal components. It takes the
    leaves of its tree, many small and dense clusters: of an encoder that is not trained for relations, the usual
    "excess of mass" makes a single one of most pairs.

    Args:
        unit: `(n, d)`, of length 1.
        relations: The relation of each.
        seed: Of the approximate principal components of large sets.

    Returns:
        The clusters of at least `SMALLEST` pairs, largest first. A pair may be in none.

    Raises:
        ValueError: If a vector is not of length 1.

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
    # By the cosine to the mean; the stable sort leaves copies in their order.
    order = np.argsort(-(vectors @ vectors.mean(axis=0)).round(9), kind="stable")
    rows = [int(row) for row in members[order]]
    relation, count = Counter(relations[row] for row in rows).most_common(1)[0]
    return Cluster(rows, relation, count / len(rows))


TIE = 1e-6


@dataclass(frozen=True)
class Confusion:
    """How pairs of each relation share out among the nearest prototypes.

    Args:
        names: The relations, k of them.
        shares: `(k, k)`: of the pairs of the relation in the row, the share nearest to the prototype of the one in
            the column. A row sums to 1; it is NaN for a relation of a single pair, which nothing can be said of.
        accuracy: The share of all pairs nearest to their own prototype, those of single-pair relations left out; NaN
            if that leaves none.
    """

    names: list[str]
    shares: Points
    accuracy: float

    def most_confused(self, count: int) -> list[tuple[str, str, float]]:
        """The largest shares off the diagonal: true relation, nearest prototype, share."""
        off = np.nan_to_num(self.shares) * (1 - np.eye(len(self.names)))
        order = np.argsort(-off, axis=None, kind="stable")[:count]
        places = [divmod(int(place), len(self.names)) for place in order]
        return [
            (self.names[row], self.names[column], float(off[row, column])) for row, column in places if off[row, column]
        ]


def confusion(unit: Vectors, relations: Sequence[str]) -> Confusion:
    """Find the nearest prototype of each pair, its own relation's being computed without it.

    A prototype is the mean of the unit vectors of a relation's pairs; nearest is the highest cosine. Prototypes that
    are equally near, to 1e-6, share a pair among them. A mean of zero points nowhere, and counts as a cosine of 0.

    Args:
        unit: `(n, d)`, of length 1.
        relations: The relation of each.

    Raises:
        ValueError: If a vector is not of length 1.
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
    """Of each pair to each prototype, `(n, k)`."""
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
    """1 for the nearest prototype of each pair, `(n, k)`, shared out among equals."""
    nearest = cosines >= cosines.max(axis=1, keepdims=True) - TIE
    shares: Points = nearest / nearest.sum(axis=1, keepdims=True)
    return shares
