import sys
import types

import numpy as np
import pytest

from st_relbert.see import project
from tests.see.conftest import grouped, unit_rows


def test_neighbours_stay_neighbours():
    unit, names = grouped()
    points = project(unit)
    assert points.shape == (24, 2) and np.allclose(points.mean(axis=0), 0, atol=1e-6)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert [names[row] for row in distances.argmin(axis=1)] == names


def test_the_seed_determines_the_layout():
    unit, _ = grouped()
    assert (project(unit, seed=3) == project(unit, seed=3)).all()
    assert not np.allclose(project(unit, seed=3), project(unit, seed=4))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 20])
def test_few_or_equal_points(count):
    """There are fewer points than the perplexity, only one direction, or only equal points."""
    several = grouped(groups=1, size=count)[0]
    for unit in (several, several[:, :1] / np.abs(several[:, :1]), np.repeat(several[:1], count, axis=0)):
        points = project(unit)
        assert points.shape == (count, 2) and np.isfinite(points).all()


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (np.zeros((3, 4), np.float32), "3 of 3 vectors do not have length 1. The first is in row 0"),
        (np.full((2, 4), np.nan, np.float32), "do not have length 1"),
        (unit_rows(np.eye(3)) * 2, "row 0 and has length 2"),
        (np.ones((0, 4), np.float32), r"shape \(0, 4\)"),
    ],
)
def test_vectors_with_other_lengths_are_refused(unit, message):
    with pytest.raises(ValueError, match=message):
        project(unit)


def test_unknown_and_missing_methods(monkeypatch):
    with pytest.raises(ValueError, match="Unknown method 'pca', expected one of 'tsne', 'umap'"):
        project(grouped()[0], method="pca")
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ValueError, match="pip install umap-learn"):
        project(grouped()[0], method="umap")


def test_umap_uses_the_cosine(monkeypatch):
    """A stub, because the package is not installed for the tests."""
    given = {}

    class Umap:
        def __init__(self, **settings):
            given.update(settings)

        def fit_transform(self, unit):
            return np.arange(2.0 * len(unit)).reshape(-1, 2)

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Umap))
    points = project(grouped(groups=2, size=5)[0], method="umap", seed=7)
    assert points.shape == (10, 2) and np.allclose(points.mean(axis=0), 0)
    assert (given["metric"], given["random_state"], given["n_neighbors"]) == ("cosine", 7, 9)
