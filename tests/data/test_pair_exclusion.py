from hypothesis import given
from hypothesis import strategies as st

from st_relbert.data.combine import PairExclusion
from st_relbert.pairs import folded

WORDS = st.sampled_from(["Tokyo", "tokyo", " Tokyo", "Japan", "new  york", "New York", "new_york", "Straße", "STRASSE"])
PAIRS = st.tuples(WORDS, WORDS)


def test_a_pair_of_several_sets_counts_for_each():
    tests = PairExclusion({"one": [("a", "b"), ("c", "d")], "other": [("B", "A")], "empty": []})
    pairs = [("a", "b"), ("b", "a"), ("c", "d"), ("x", "y")]
    assert [pair in tests for pair in pairs] == [True, True, True, False]
    assert tests.counts(pairs) == {"one": 3, "other": 2, "empty": 0}


@given(st.lists(PAIRS, max_size=5), st.lists(PAIRS, max_size=5), st.lists(PAIRS, max_size=8))
def test_folded_pairs_are_compared(one, other, pairs):
    tests = PairExclusion({"one": one, "other": other})
    for pair in pairs:
        assert (pair in tests) == any(folded(pair) == folded(test) for test in [*one, *other])
    assert tests.counts(pairs)["one"] == len([pair for pair in pairs if folded(pair) in map(folded, one)])


def test_without_test_sets_nothing_is_excluded():
    assert ("a", "b") not in PairExclusion({})
    assert PairExclusion({}).counts([("a", "b")]) == {}
