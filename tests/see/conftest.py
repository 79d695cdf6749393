import numpy as np
import pytest

from st_relbert import RelBERT
from st_relbert.search import RelationIndex
from st_relbert.see import RelationMap, confusion, find_clusters, project


def unit_rows(rows):
    rows = np.asarray(rows, dtype=np.float64)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def grouped(groups=3, size=8, dimension=12, noise=0.05, seed=0):
    """Unit vectors in tight groups, and the name of each one's group."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(groups, dimension))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    vectors = np.repeat(centres, size, axis=0) + noise * rng.normal(size=(groups * size, dimension))
    return unit_rows(vectors), [f"relation {number}" for number in range(groups) for _ in range(size)]


@pytest.fixture
def make_map():
    """A map of made-up vectors that starts with these pairs."""

    def make(pairs=(), title="A title", **sizes):
        unit, names = grouped(**sizes)
        named = [*pairs, *((f"head {row}", f"tail {row}") for row in range(len(names) - len(pairs)))]
        clusters = find_clusters(unit, names)
        return RelationMap(named, names, names, project(unit), clusters, confusion(unit, names), title)

    return make


TAG = "<b>R&D</b>"
TEMPLATE = "${1+1} {{value}} `x`"
PAIRS = {
    "capital": [("Tokyo", "Japan"), ("Paris", "France"), ("Rome", "Italy")],
    "<i>sign</i>": [(TAG, TEMPLATE), ("x_y", "a/b")],
}


@pytest.fixture(scope="package")
def model(encoders):
    return RelBERT(encoders["wordpiece"], template="short")


@pytest.fixture(scope="package")
def index(model, tmp_path_factory):
    index = RelationIndex.create(tmp_path_factory.mktemp("explorer") / "<u>idx</u>", model)
    index.add([{"head": h, "tail": t, "relation": name} for name, pairs in PAIRS.items() for h, t in pairs])
    index.add([("Madrid", "Spain")])
    return index
