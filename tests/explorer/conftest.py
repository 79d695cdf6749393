import pytest

from st_relbert import RelBERT
from st_relbert.search import RelationIndex

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
