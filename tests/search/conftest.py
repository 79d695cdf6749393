import pytest

from st_relbert import RelBERT
from st_relbert.search import RelationIndex

PAIRS = {
    "capital": [("Tokyo", "Japan"), ("Paris", "France"), ("Rome", "Italy")],
    "part": [("finger", "hand"), ("hand", "arm"), ("page", "book")],
}


def pairs_of(hits):
    return [hit.pair for hit in hits]


@pytest.fixture(scope="session")
def model(encoders):
    return RelBERT(encoders["wordpiece"], template="short")


@pytest.fixture
def index(model, tmp_path):
    """Six labelled pairs and two without a label."""
    index = RelationIndex.create(tmp_path / "idx", model)
    index.add([{"head": h, "tail": t, "relation": name} for name, pairs in PAIRS.items() for h, t in pairs])
    index.add([("Madrid", "Spain"), ("Tokyo", "sushi")])
    return index
