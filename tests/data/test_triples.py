import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.data import PairExclusion
from st_relbert.data.triples import relations_of_triples
from st_relbert.pairs import folded

WORDS = st.sampled_from(["a", "b", "B", "c", "d_e", "D e", "f", "é", "e\u0301"])
TRIPLES = st.lists(st.tuples(WORDS, st.sampled_from("rst"), WORDS), min_size=1, max_size=30)
# Two relations that are always there, because a set has at least two.
BASE = [("x1", "u", "y1"), ("x1", "v", "y2")]


@given(TRIPLES, st.lists(st.tuples(WORDS, WORDS), max_size=3), st.integers(1, 4))
def test_pairs_are_distinct_and_not_in_test_sets(triples, tests, most):
    exclusion = PairExclusion({"test": tests})
    build = relations_of_triples([*BASE, *triples], exclusion, least=1, most=most, words=1)
    for name, pairs in build.relations.positives.items():
        given_pairs = {folded((head, tail)) for head, relation, tail in [*BASE, *triples] if relation == name}
        folds = [folded(pair) for pair in pairs]
        assert len(set(folds)) == len(folds) <= most and set(folds) <= given_pairs
        wanted = {fold for fold in given_pairs if fold[0] != fold[1] and fold not in exclusion}
        wanted = {fold for fold in wanted if all(len(word.split()) == 1 for word in fold)}
        assert len(folds) == min(most, len(wanted))
        reversed_pairs = {pair[::-1] for pair in pairs}
        assert set(build.relations.negatives[name]) <= reversed_pairs
        assert name not in build.symmetric or build.relations.negatives[name] == []


def test_the_sample_depends_neither_on_the_order_nor_on_other_relations():
    triples = [(f"h{i}", name, f"t{i}") for name in "rs" for i in range(5_000)]
    shuffled = random.Random(0).sample(triples, len(triples))
    one, other, seeded = (
        relations_of_triples(each, most=50, seed=seed).relations
        for each, seed in ((triples, 0), ([*shuffled, *BASE], 0), (triples, 1))
    )
    assert set(one.positives["r"]) == set(other.positives["r"]) != set(seeded.positives["r"])
    assert len(one.positives["r"]) == 50
    # Both relations have the same pairs, so the test shows which relations are inverses.
    assert set(one.positives["r"]) == set(one.positives["s"])


def test_symmetric_and_inverse_relations_are_found_in_samples():
    triples = []
    for i in range(10_000):
        triples += [(f"a{i}", "near", f"b{i}"), (f"b{i}", "near", f"a{i}")]
        triples += [(f"p{i}", "part of", f"w{i}"), (f"w{i}", "has part", f"p{i}")]
    build = relations_of_triples(triples, most=100)
    assert build.symmetric == ["near"] and build.inverse == [("has part", "part of")]
    assert build.relations.negatives["near"] == [] and len(build.relations.negatives["part of"]) == 100
    report = build.report()
    assert report["symmetric"] == ["near"] and report["inverse"] == [("has part", "part of")]


def test_a_relation_that_covers_only_part_of_another_is_not_its_inverse():
    triples = [(f"person {i}", "citizen of", f"country {i % 9}") for i in range(100)]
    triples += [(f"country {i}", "head of state", f"person {i}") for i in range(9)]
    assert relations_of_triples(triples).inverse == []


def test_relations_and_lengths_can_be_chosen():
    triples = [(f"h{i}", name, f"t{i} more words here") for name in "rst" for i in range(5)]
    build = relations_of_triples(triples, words=None, without=["t"])
    assert build.relations.names == ["r", "s"] and build.left_out == {"other relations": 5}
    assert relations_of_triples(triples, words=4, relations=["r", "t"]).relations.names == ["r", "t"]
    with pytest.raises(ValueError, match="0 of 3 relations have at least 5 pairs"):
        relations_of_triples(triples, words=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"least": 0}, "minimum number of pairs per relation is 0"),
        ({"most": 1}, "maximum number of pairs per relation is 1, expected at least the minimum, which is 5"),
        ({"words": 0}, "maximum number of words is 0"),
        ({"relations": ["x"]}, "No triple has the relation 'x'. The relations are: r, s."),
        ({"without": ["x"]}, "No triple has the relation 'x'"),
    ],
)
def test_invalid_settings_are_refused(options, message):
    triples = [(f"h{i}", name, f"t{i}") for name in "rs" for i in range(5)]
    with pytest.raises(ValueError, match=message):
        relations_of_triples(triples, **options)


def test_an_empty_word_is_named():
    with pytest.raises(ValueError, match="the tail of the pair of triple 2"):
        relations_of_triples([("a", "r", "b"), ("a", "r", "_")])
