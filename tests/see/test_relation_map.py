import numpy as np
import pytest

from st_relbert import RelBERT
from st_relbert.data import RelationSet
from st_relbert.see import RelationMap, sample_pairs
from st_relbert.see.picture import SHAPES, marker_of

RECORDS = [
    {"relation_type": f"{parent}/{child}", "positives": [[f"{child}{n}", f"{parent}{n}"] for n in range(4)]}
    for parent, child in (("place", "a"), ("place", "b"), ("part", "c"))
]


@pytest.fixture
def model(encoders):
    return RelBERT(encoders["wordpiece"], template="short")


def test_a_map_of_a_relation_set(model):
    relations = RelationSet.from_records(RECORDS)
    relation_map = RelationMap.build(model, relations, title="T")
    assert relation_map.pairs == [pair for pairs in relations.positives.values() for pair in pairs]
    assert relation_map.relations == [name for name in relations.names for _ in range(4)]
    assert relation_map.group_sizes == {"place": 8, "part": 4}
    assert relation_map.points.shape == (12, 2)
    by_relation = RelationMap.build(model, relations, colour="relation")
    assert by_relation.groups == relation_map.relations
    assert (by_relation.points == relation_map.points).all()


def test_a_pair_with_two_relations_appears_with_each(model):
    records = [{"relation_type": name, "positives": [["a", "b"], [name, "c"], [name, "d"]]} for name in ("r", "s")]
    relation_map = RelationMap.build(model, RelationSet.from_records(records))
    assert relation_map.pairs.count(("a", "b")) == 2 and relation_map.groups == relation_map.relations


def test_impossible_colours_are_refused(model):
    flat = RelationSet.from_records([{**record, "relation_type": record["relation_type"][-1]} for record in RECORDS])
    with pytest.raises(ValueError, match="Cannot colour by parent: no relation is named parent/child"):
        RelationMap.build(model, flat, colour="parent")
    with pytest.raises(ValueError, match="Unknown colour 'red', expected one of 'relation', 'parent'"):
        RelationMap.build(model, flat, colour="red")


def test_a_model_without_usable_vectors_is_refused(model, monkeypatch):
    monkeypatch.setattr(type(model), "encode", lambda self, pairs, **kw: np.full((len(pairs), 4), np.nan, np.float32))
    with pytest.raises(ValueError, match="not finite"):
        RelationMap.build(model, RelationSet.from_records(RECORDS))


def test_samples_are_balanced_and_in_order():
    pairs = {"few": [("f", str(n)) for n in range(2)], "many": [("m", str(n)) for n in range(50)]}
    drawn = sample_pairs(pairs, 20, seed=1)
    assert [len(of_relation) for of_relation in drawn.values()] == [2, 18] and drawn["few"] == pairs["few"]
    assert drawn["many"] == sorted(drawn["many"], key=pairs["many"].index)
    assert drawn == sample_pairs(pairs, 20, seed=1) != sample_pairs(pairs, 20, seed=2)
    assert sample_pairs(pairs, 1000) == pairs
    with pytest.raises(ValueError, match="limited to 1, but there are 2 relations"):
        sample_pairs(pairs, 1)


def test_63_groups_have_different_markers():
    """By colour alone, only seven would differ."""
    assert len({marker_of(group) for group in range(63)}) == 63
    assert all(abs(coordinate) <= 1.2 for shape in SHAPES for corner in shape for coordinate in corner)
