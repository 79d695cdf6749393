from collections import Counter

import numpy as np
import pytest

from st_relbert.see import find_clusters
from tests.see.conftest import grouped


def test_groups_are_found_with_their_relations():
    unit, names = grouped(groups=4, size=12)
    clusters = find_clusters(unit, names)
    assert sorted(cluster.relation for cluster in clusters) == sorted(set(names))
    for cluster in clusters:
        assert cluster.purity == 1 and {names[row] for row in cluster.rows} == {cluster.relation}
        mean = unit[cluster.rows].mean(axis=0)
        cosines = unit[cluster.rows] @ mean
        assert (np.diff(cosines) < 1e-6).all()  # nearest to the centre first


def test_purity_is_the_share_of_the_most_frequent_relation():
    unit, _ = grouped(groups=3, size=12)
    names = [f"relation {number}" for number in np.random.default_rng(0).integers(0, 3, 36)]
    clusters = find_clusters(unit, names)
    assert clusters and any(cluster.purity < 1 for cluster in clusters)
    for cluster in clusters:
        counts = Counter(names[row] for row in cluster.rows)
        assert counts[cluster.relation] == max(counts.values())
        assert cluster.purity == counts[cluster.relation] / len(cluster.rows)


def test_too_few_pairs_give_no_cluster():
    unit, names = grouped(groups=1, size=4)
    assert find_clusters(unit, names) == []


def test_many_dimensions_are_reduced_first():
    unit, names = grouped(groups=3, size=30, dimension=200, noise=0.02)
    assert len(find_clusters(unit, names)) >= 3


def test_vectors_must_have_length_1():
    with pytest.raises(ValueError, match="do not have length 1"):
        find_clusters(np.full((9, 3), np.nan, np.float32), ["a"] * 9)
