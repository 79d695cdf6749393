"""Groups of pairs that lie close together, whatever their relations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from st_relbert.evaluation.pair_vectors import Vectors
from st_relbert.relation_map.unit import check_unit

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
        unit: ``(n, d)``, of length 1.
        relations: The relation of each.
        seed: Of the approximate principal components of large sets.

    Returns:
        The clusters of at least :data:`SMALLEST` pairs, largest first. A pair may be in none.

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
