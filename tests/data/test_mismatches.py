from hypothesis import given
from hypothesis import strategies as st

from st_relbert.data import RelationSet, with_mismatches
from st_relbert.data.combine import PairExclusion
from st_relbert.pairs import folded, folded_word

WORDS = st.sampled_from("abcdefgh")
RELATIONS = st.dictionaries(
    st.sampled_from("xyz"), st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=6, unique=True), min_size=1
)


@given(RELATIONS, st.lists(st.tuples(WORDS, WORDS), max_size=4), st.integers(0, 3))
def test_mismatches_are_new_pairs_of_the_relations_words(positives, excluded, seed):
    before = RelationSet(positives, {name: [("old", "negative")] for name in positives})
    after = with_mismatches(before, PairExclusion({"tests": excluded}), seed=seed)
    assert after.positives == positives
    known = {folded(pair) for pairs in [*positives.values(), excluded] for pair in pairs}
    for name, pairs in after.negatives.items():
        assert pairs[0] == ("old", "negative") and len(set(pairs)) == len(pairs)
        heads, tails = ({pair[side] for pair in positives[name]} for side in (0, 1))
        for one, other in pairs[1:]:
            assert one != other and folded((one, other)) not in known
            assert (one in heads and other in heads | tails) or (one in tails and other in tails)


def test_each_pair_is_combined_in_three_ways():
    pairs = [(f"h{row}", f"t{row}") for row in range(50)]
    (negatives,) = with_mismatches(RelationSet({"r": pairs}, {})).negatives.values()
    kinds = {kind: [pair for pair in negatives if pair[0][0] + pair[1][0] == kind] for kind in ("hh", "tt", "ht")}
    assert sum(map(len, kinds.values())) == len(negatives)
    assert all(45 <= len({pair[0] for pair in of_kind}) <= 50 for of_kind in kinds.values())
    assert all(one[1:] != other[1:] for one, other in negatives)


def test_the_seed_decides_and_the_other_relations_do_not():
    pairs = [(f"h{row}", f"t{row}") for row in range(20)]
    more = {"s": [("a", "b"), ("c", "d")], "r": pairs}
    one = with_mismatches(RelationSet({"r": pairs}, {})).negatives["r"]
    assert one == with_mismatches(RelationSet(more, {})).negatives["r"]
    assert one != with_mismatches(RelationSet({"r": pairs}, {}), seed=1).negatives["r"]


def test_a_relation_of_one_pair_gets_no_mismatches():
    assert with_mismatches(RelationSet({"r": [("a", "b")]}, {})).negatives == {"r": []}


def test_two_spellings_of_a_word_are_not_a_mismatch():
    pairs = [("ice_cream", "cold"), ("Ice cream", "Cold"), ("caf\u00e9", "hot"), ("cafe\u0301", "Hot")]
    (negatives,) = with_mismatches(RelationSet({"r": pairs})).negatives.values()
    assert negatives and all(folded_word(head) != folded_word(tail) for head, tail in negatives)
