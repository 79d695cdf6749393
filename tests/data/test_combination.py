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
    with pytest.raises(
        ValueError, match="1 of 2 relations have at least 1 pairs.*expected at least two. Exclude fewer"
    ):
        combine_relations([CAPITALS, PARTS], PairExclusion({"one": [("hand", "finger")]}))
    with pytest.raises(ValueError, match="expected at least two"):
        combine_relations([CAPITALS])


def test_small_relations_are_left_out_and_large_ones_sampled():
    many = {name: [(f"{name}{row}", "t") for row in range(20)] for name in "xyz"}
    sets = [RelationSet(many, {"x": [(f"n{row}", "t") for row in range(9)]}), PARTS]
    build = combine_relations(sets, least=3, most=5)
    assert build.relations.names == ["x", "y", "z"] and build.small_relations == ["part", "capital"]
    for name, pairs in build.relations.positives.items():
        assert len(pairs) == 5 and pairs == [pair for pair in many[name] if pair in pairs]
    assert len(build.relations.negatives["x"]) == 5
    assert combine_relations(sets, least=3, most=5).relations == build.relations
    assert combine_relations(sets, least=3, most=5, seed=1).relations != build.relations
    # The sample of a relation does not depend on the others.
    fewer = combine_relations([RelationSet({name: many[name] for name in "xy"})], most=5).relations
    assert fewer.positives == build.relations.subset("xy").positives
    for numbers, message in (({"least": 0}, "least number of pairs is 0"), ({"most": 2, "least": 3}, "are 2")):
        with pytest.raises(ValueError, match=message):
            combine_relations(sets, **numbers)
