import pytest

from st_relbert.data import RelationSet, combine_relations
from st_relbert.data.combine import PairExclusion


def relation_set(**relations):
    return RelationSet(
        {name: pairs for name, (pairs, _) in relations.items()}, {name: n for name, (_, n) in relations.items()}
    )


CAPITALS = relation_set(capital=([("Tokyo", "Japan"), ("Paris", "France")], [("Japan", "Tokyo")]))
PARTS = relation_set(part=([("finger", "hand")], []), capital=([("Oslo", "Norway"), ("Paris", "France")], []))


def test_relations_of_the_same_name_become_one_and_copies_are_dropped():
    combination = combine_relations([CAPITALS, PARTS])
    assert combination.relations.positives == {
        "capital": [("Tokyo", "Japan"), ("Paris", "France"), ("Oslo", "Norway")],
        "part": [("finger", "hand")],
    }
    assert combination.relations.negatives == {"capital": [("Japan", "Tokyo")], "part": []}
    assert (combination.pairs, combination.dropped, combination.dropped_in_all) == (5, {}, 0)


def test_pairs_of_test_sets_are_left_out_of_positives_and_negatives():
    tests = PairExclusion({"one": [("japan", "tokyo")], "other": [("x", "y")]})
    combination = combine_relations([CAPITALS, PARTS], tests)
    assert combination.relations.positives["capital"] == [("Paris", "France"), ("Oslo", "Norway")]
    assert combination.relations.negatives["capital"] == []
    assert (combination.dropped, combination.dropped_in_all) == ({"one": 2, "other": 0}, 2)
    report = combination.report()
    assert (report["relations"], report["positives"], report["negatives"], report["pairs"]) == (2, 3, 0, 5)


def test_a_relation_whose_positives_are_all_left_out_is_named():
    more = relation_set(young=([("puppy", "dog")], []))
    combination = combine_relations([CAPITALS, PARTS, more], PairExclusion({"one": [("hand", "finger")]}))
    assert combination.small_relations == ["part"] and combination.relations.names == ["capital", "young"]


def test_too_little_left_is_an_error():
    with pytest.raises(ValueError, match="1 of 2 relations have positives, expected at least two. Exclude fewer"):
        combine_relations([CAPITALS, PARTS], PairExclusion({"one": [("hand", "finger")]}))
    with pytest.raises(ValueError, match="expected at least two"):
        combine_relations([CAPITALS])
