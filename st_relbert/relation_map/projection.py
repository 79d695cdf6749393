"""From the vectors of pairs to points in the plane."""

from __future__ import annotations

from typing import Any

import numpy as np

from st_relbert.evaluation.pair_vectors import Vectors
from st_relbert.relation_map.unit import Points, check_unit

METHODS = ("tsne", "umap")
PERPLEXITY = 30.0
NEIGHBOURS = 15
_FEWEST = 4  # below, neighbours mean nothing: the principal components are drawn


def check_method(method: str) -> None:
    """Refuse a method that is unknown or not installed, before any work is done for it.

    Raises:
        ValueError: If ``method`` is none of :data:`METHODS`, or ``"umap"`` and the package is not installed.
    """
    if method not in METHODS:
        raise ValueError(f"Unknown method {method!r}, expected one of {', '.join(METHODS)}.")
    if method == "umap":
        _umap()


def project(unit: Vectors, method: str = "tsne", seed: int = 0) -> Points:
    """Lay vectors out in the plane, so that neighbours by cosine are neighbours there.

    Distances between far groups, their sizes and the axes mean nothing in the result.

    Args:
        unit: ``(n, d)``, of length 1. The squared Euclidean distance of such vectors is 2 - 2 cos.
        method: ``"tsne"``, or ``"umap"`` with the package ``umap-learn``.
        seed: Decides all that is random.

    Returns:
        ``(n, 2)``, centred. Both methods start from the principal components (Kobak & Linderman, 2021), which are also
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
    """The first two, ``(n, 2)``; zero for what is missing."""
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
