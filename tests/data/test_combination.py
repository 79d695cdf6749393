import pytest

from st_relbert.data import RelationSet, combine_relations
from st_relbert.data.combine import PairExclusion, weigh_sets


def relation_set(**relations):
    return RelationSet(
        {name: pairs for name, (pairs, _) in relations.items()}, {name: n for name, (_, n) in relations.items()}
    )


CAPITALS = relation_set(capital=([("Tokyo", "Japan"), ("Paris", "France")], [("Japan", "Tokyo")]))
PARTS = relation_set(part=([("finger", "hand")], []), capital=([("Oslo", "Norway"), ("Paris", "France")], []))


def test_relations_with_the_same_name_are_merged_without_duplicates():
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


def test_sets_are_weighed_by_name_or_stem():
    sets = {"data/own.jsonl": CAPITALS, "b/graph.jsonl.gz": PARTS, "relbert/own": PARTS}
    weighed = weigh_sets(sets, {"graph": 0.5, "relbert/own": 4})
    assert [list(each.weights.values()) for each in weighed] == [[1], [0.5, 0.5], [4, 4]]
    assert combine_relations(weighed).relations.weights == {"capital": 4, "part": 4}
    assert weigh_sets(sets, {}) == list(sets.values())
    # The set's own weights are multiplied.
    own = RelationSet(CAPITALS.positives, weights={"capital": 3})
    assert weigh_sets({"own": own}, {"own": 2})[0].weights == {"capital": 6}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"own": 2}, "Several sets are called 'own', .* the weight 2, expected one of data/own.jsonl, relbert/own."),
        ({"data": 2}, "No set is called 'data', .* expected one of data/own.jsonl, b/graph.jsonl.gz, relbert/own."),
        ({"graph": 2, "b/graph.jsonl.gz": 3}, "'b/graph.jsonl.gz' has two weights, the second under the name 'b/"),
        ({"graph": 0}, "The weight of the set 'graph' is 0, expected a number above 0 and at most 1,000"),
        ({"graph": float("inf")}, "The weight of the set 'graph' is inf"),
    ],
)
def test_weights_for_unknown_sets_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        weigh_sets({"data/own.jsonl": CAPITALS, "b/graph.jsonl.gz": PARTS, "relbert/own": PARTS}, weights)


def test_too_little_left_is_an_error():
    with pytest.raises(
        ValueError,
        match="1 of 2 relations have at least 1 pair outside the test sets, expected two or more. Exclude fewer",
    ):
        combine_relations([CAPITALS, PARTS], PairExclusion({"one": [("hand", "finger")]}))
    with pytest.raises(ValueError, match="expected two or more"):
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
    # A relation's sample does not depend on the other relations.
    fewer = combine_relations([RelationSet({name: many[name] for name in "xy"})], most=5).relations
    assert fewer.positives == build.relations.subset("xy").positives
    for numbers, message in (({"least": 0}, "minimum .* is 0"), ({"most": 2, "least": 3}, "maximum .* is 2")):
        with pytest.raises(ValueError, match=message):
            combine_relations(sets, **numbers)
